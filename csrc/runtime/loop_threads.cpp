#include "runtime/loop_threads.hpp"

#include <exception>
#include <utility>

namespace retain {

namespace {

// Waiting threads look this often for work and for the end of the run.
constexpr Nanoseconds kInferencePollNs = 1'000'000;
constexpr Nanoseconds kRecorderPollNs = 20'000'000;

}  // namespace

void run_tick(std::shared_ptr<LoopParts> parts, std::promise<std::vector<RealtimeGrant>> grants) {
  const std::vector<RealtimeGrant> granted = request_realtime(parts->realtime);
  try {
    parts->controller->arm();
  } catch (const std::exception&) {
    release_realtime(granted);
    parts->ending.store(true, std::memory_order_release);
    grants.set_exception(std::current_exception());
    return;
  }
  grants.set_value(granted);
  Pacer pacer(parts->clock.now_ns(), parts->period_ns);
  bool finished = false;
  while (!finished) {
    const Wake wake = pacer.wait(parts->clock);
    const int signals = SignalWatch::count();
    if (signals >= 1) parts->requests.stop.store(true, std::memory_order_relaxed);
    if (signals >= 2) parts->requests.drop.store(true, std::memory_order_relaxed);
    finished = parts->controller->tick(wake);
  }
  parts->ending.store(true, std::memory_order_release);
}

void run_inference(std::shared_ptr<LoopParts> parts) {
  while (!parts->ending.load(std::memory_order_acquire)) {
    if (parts->controller->state() == State::running && parts->inference->begin()) {
      parts->inference->complete();
    } else {
      parts->clock.sleep_until(parts->clock.now_ns() + kInferencePollNs);
    }
  }
  parts->infer_ended.store(true, std::memory_order_release);
}

void run_camera(std::shared_ptr<LoopParts> parts, std::size_t index, std::promise<void> opened) {
  Camera& camera = *parts->cameras[index];
  CameraFeed& feed = *parts->feeds[index];
  try {
    camera.open();
  } catch (const std::exception&) {
    opened.set_exception(std::current_exception());
    return;
  }
  opened.set_value();
  CameraStatus status = CameraStatus::ok;
  while (status != CameraStatus::lost && !parts->ending.load(std::memory_order_acquire)) {
    status = camera.grab(feed.frames.back());
    if (status != CameraStatus::ok) continue;
    parts->recorder.offer_frame(index, feed.frames.back());
    feed.frames.publish();
    feed.delivered.fetch_add(1, std::memory_order_release);
  }
  camera.close();
}

void run_recorder(std::shared_ptr<LoopParts> parts) {
  while (!parts->ending.load(std::memory_order_acquire)) {
    parts->recorder.drain();
    parts->clock.sleep_until(parts->clock.now_ns() + kRecorderPollNs);
  }
  parts->recorder.finish();
}

}  // namespace retain
