#include "runtime/camera_thread.hpp"

#include <algorithm>
#include <exception>

#include "runtime/frozen_watch.hpp"

namespace retain {

namespace {

constexpr Nanoseconds kFirstRetryNs = kNanosecondsPerSecond / 2;
constexpr Nanoseconds kLongestRetryNs = 8 * kNanosecondsPerSecond;
constexpr Nanoseconds kWaitSliceNs = 20'000'000;

class CameraThread {
 public:
  CameraThread(LoopParts& parts, std::size_t index)
      : parts_(parts),
        index_(index),
        camera_(*parts.cameras[index]),
        feed_(*parts.feeds[index]),
        frozen_(camera_.noisy() ? parts.frozen_after : 0) {}

  void run() {
    while (true) {
      watch();
      camera_.close();
      if (ending()) return;
      lose();
      if (!reopen()) return;
    }
  }

 private:
  [[nodiscard]] bool ending() const { return parts_.ending.load(std::memory_order_acquire); }

  // Until the camera is lost or the loop ends.
  void watch() {
    while (!ending()) {
      Frame& frame = feed_.frames.back();
      const CameraStatus status = camera_.grab(frame);
      if (status == CameraStatus::lost) return;
      if (status == CameraStatus::timeout) continue;
      if (frozen_.see(frame.rgb)) {
        feed_.frozen.fetch_add(1, std::memory_order_relaxed);
        continue;
      }
      parts_.recorder.offer_frame(index_, frame);
      feed_.frames.publish();
      feed_.delivered.fetch_add(1, std::memory_order_release);
      if (lost_) find();
    }
  }

  void lose() {
    if (lost_) return;
    lost_ = true;
    feed_.losses.fetch_add(1, std::memory_order_relaxed);
    parts_.surroundings.cameras_lost.fetch_add(1, std::memory_order_acq_rel);
  }

  void find() {
    lost_ = false;
    parts_.surroundings.cameras_lost.fetch_sub(1, std::memory_order_acq_rel);
  }

  // False when the loop ended first.
  bool reopen() {
    for (Nanoseconds pause_ns = kFirstRetryNs; wait(pause_ns); pause_ns = std::min(2 * pause_ns, kLongestRetryNs)) {
      try {
        camera_.open();
        return true;
      } catch (const std::exception&) {
        camera_.close();  // whatever it got hold of
      }
    }
    return false;
  }

  bool wait(Nanoseconds pause_ns) {
    const Nanoseconds until_ns = parts_.clock->now_ns() + pause_ns;
    while (!ending() && parts_.clock->now_ns() < until_ns) {
      parts_.clock->sleep_until(std::min(until_ns, parts_.clock->now_ns() + kWaitSliceNs));
    }
    return !ending();
  }

  LoopParts& parts_;
  std::size_t index_;
  Camera& camera_;
  CameraFeed& feed_;
  FrozenWatch frozen_;
  bool lost_ = false;
};

}  // namespace

void run_camera(std::shared_ptr<LoopParts> parts, std::size_t index, std::promise<void> opened) {
  const CrashStack stack;
  try {
    parts->cameras[index]->open();
  } catch (const std::exception&) {
    opened.set_exception(std::current_exception());
    return;
  }
  opened.set_value();
  CameraThread(*parts, index).run();
}

}  // namespace retain
