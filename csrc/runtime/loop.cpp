#include "runtime/loop.hpp"

#include <algorithm>
#include <atomic>

#include "error.hpp"
#include "runtime/camera_thread.hpp"
#include "runtime/housekeeping.hpp"
#include "runtime/loop_threads.hpp"

namespace retain {

namespace {

constexpr Nanoseconds kWaitPollNs = 2'000'000;

std::atomic<bool> running{false};

}  // namespace

Loop::Loop(std::shared_ptr<LoopParts> parts) : parts_(std::move(parts)) {}

Loop::~Loop() {
  if (!started_ || over_) return;
  // Nobody waits for this run any more: leave the arm at rest, not in mid-motion.
  request_stop();
  while (!wait(1.0)) {
  }
}

void Loop::start() {
  if (started_) throw ConfigError("this loop has run already; make a new one for the next run");
  if (running.exchange(true)) throw ConfigError("another loop is running in this process; wait for its end");
  started_ = true;
  signals_ = std::make_unique<SignalWatch>();
  try {
    if (!parts_->crash_dump.empty()) {
      std::vector<std::string> names;
      for (const RobotChannel& channel : parts_->robot->channels()) names.push_back(channel.name);
      crash_dump_ = std::make_unique<CrashDump>(parts_->crash_dump, *parts_->crash, names);
    }
    parts_->inference->warm_up();
    open_cameras();
    record_ = std::thread(run_recorder, parts_);
    std::promise<std::vector<RealtimeGrant>> grants;
    std::future<std::vector<RealtimeGrant>> granted = grants.get_future();
    tick_ = std::thread(run_tick, parts_, std::move(grants));
    grants_ = granted.get();
    wait_for_frames();
  } catch (...) {
    parts_->requests.stop.store(true, std::memory_order_release);
    if (!tick_.joinable()) parts_->ending.store(true, std::memory_order_release);
    join();
    throw;
  }
  infer_ = std::thread(run_inference, parts_);
  housekeeping_ = std::thread(run_housekeeping, parts_);
  parts_->requests.go.store(true, std::memory_order_release);
}

void Loop::open_cameras() {
  std::vector<std::future<void>> opened;
  for (std::size_t i = 0; i < parts_->cameras.size(); ++i) {
    std::promise<void> promise;
    opened.push_back(promise.get_future());
    cameras_.emplace_back(run_camera, parts_, i, std::move(promise));
  }
  for (std::future<void>& one : opened) one.get();
}

void Loop::wait_for_frames() {
  const Nanoseconds deadline_ns = parts_->clock->now_ns() + parts_->start_timeout_ns;
  for (std::size_t i = 0; i < parts_->feeds.size(); ++i) {
    while (parts_->feeds[i]->delivered.load(std::memory_order_acquire) == 0) {
      if (parts_->clock->now_ns() > deadline_ns) {
        throw DeviceError("camera " + parts_->cameras[i]->role() + " delivered no frame within " +
                          std::to_string(to_s(parts_->start_timeout_ns)) + " s");
      }
      parts_->clock->sleep_until(parts_->clock->now_ns() + kWaitPollNs);
    }
  }
}

bool Loop::wait(double timeout_s) {
  if (!started_ || over_) return over_;
  const Nanoseconds deadline_ns = parts_->clock->now_ns() + to_ns(timeout_s);
  while (!parts_->ending.load(std::memory_order_acquire)) {
    const Nanoseconds now_ns = parts_->clock->now_ns();
    if (now_ns >= deadline_ns) return false;
    parts_->clock->sleep_until(std::min(deadline_ns, now_ns + kWaitPollNs));
  }
  join();
  return true;
}

void Loop::join() {
  if (tick_.joinable()) tick_.join();
  ended_ns_ = parts_->clock->now_ns();
  if (record_.joinable()) record_.join();
  if (housekeeping_.joinable()) housekeeping_.join();
  for (std::thread& camera : cameras_) camera.join();
  if (infer_.joinable()) {
    // A hung engine cannot be interrupted from outside. Its thread owns a share of everything it uses, so it can stay.
    const Nanoseconds deadline_ns = parts_->clock->now_ns() + parts_->inference_timeout_ns;
    while (!parts_->infer_ended.load(std::memory_order_acquire) && parts_->clock->now_ns() < deadline_ns) {
      parts_->clock->sleep_until(parts_->clock->now_ns() + kWaitPollNs);
    }
    left_behind_ = !parts_->infer_ended.load(std::memory_order_acquire);
    left_behind_ ? infer_.detach() : infer_.join();
  }
  release_realtime(grants_);
  crash_dump_.reset();
  signals_.reset();
  over_ = true;
  running.store(false);
}

LoopStatus Loop::status() const noexcept { return status_of(*parts_, over_ ? ended_ns_ : parts_->clock->now_ns()); }

RunReport Loop::report() const {
  if (!over_) throw ConfigError("the run is not over; wait for its end before asking for the report");
  RunReport report = report_of(*parts_, ended_ns_, !left_behind_);
  report.realtime = grants_;
  return report;
}

std::vector<TickRecord> Loop::records() const {
  if (!over_) throw ConfigError("the run is not over; wait for its end before asking for the flight record");
  return parts_->recorder.records();
}

}  // namespace retain
