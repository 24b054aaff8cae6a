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
  const CrashStack stack;
  const std::vector<RealtimeGrant> granted = request_realtime(parts->realtime);
  try {
    parts->robot->start();
    parts->controller->arm();
  } catch (const std::exception&) {
    parts->robot->stop();
    release_realtime(granted);
    parts->ending.store(true, std::memory_order_release);
    grants.set_exception(std::current_exception());
    return;
  }
  grants.set_value(granted);
  Pacer pacer(parts->clock->now_ns(), parts->period_ns);
  const bool paced = parts->robot->paces();
  bool finished = false;
  while (!finished) {
    const Nanoseconds now_ns = parts->clock->now_ns();
    const Wake wake = paced ? Wake{.due_ns = now_ns, .now_ns = now_ns} : pacer.wait(*parts->clock);
    const int signals = SignalWatch::count();
    if (signals >= 1) parts->requests.stop.store(true, std::memory_order_relaxed);
    if (signals >= 2) parts->requests.drop.store(true, std::memory_order_relaxed);
    finished = parts->controller->tick(wake);
  }
  parts->robot->stop();
  parts->ending.store(true, std::memory_order_release);
}

void run_inference(std::shared_ptr<LoopParts> parts) {
  const CrashStack stack;
  Nanoseconds last_run_ns = parts->clock->now_ns();
  while (!parts->ending.load(std::memory_order_acquire)) {
    const State state = parts->controller->state();
    const Nanoseconds now_ns = parts->clock->now_ns();
    if (state == State::running && parts->inference->begin()) {
      parts->inference->complete();
      last_run_ns = parts->clock->now_ns();
    } else if (state != State::running && parts->keep_warm_ns > 0 && now_ns - last_run_ns >= parts->keep_warm_ns) {
      parts->inference->idle();
      last_run_ns = parts->clock->now_ns();
    } else {
      parts->clock->sleep_until(now_ns + kInferencePollNs);
    }
  }
  parts->infer_ended.store(true, std::memory_order_release);
}

void run_recorder(std::shared_ptr<LoopParts> parts) {
  const CrashStack stack;
  while (!parts->ending.load(std::memory_order_acquire)) {
    parts->recorder.drain();
    parts->clock->sleep_until(parts->clock->now_ns() + kRecorderPollNs);
  }
  parts->recorder.finish();
}

}  // namespace retain
