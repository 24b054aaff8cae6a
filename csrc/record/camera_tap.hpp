// Takes frames off a camera's thread for a data set: one per row of the policy's time, not only those that it saw.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "camera/camera.hpp"
#include "exchange/slot_ring.hpp"
#include "runtime/clock.hpp"

namespace retain {

class CameraTap {
 public:
  /// @param slots frames that may pass between two drains; 0: nothing is taken
  CameraTap(std::size_t slots, Nanoseconds period_ns, const Frame& prototype)
      : bytes_(prototype.rgb.size()), period_ns_(period_ns), frames_(slots, prototype) {}

  /// Camera thread: copies the frame if one is due. A frame of another size is no frame of this camera.
  void offer(const Frame& frame) noexcept {
    if (frames_.capacity() == 0 || frame.sensor_time_ns < due_ns_ || frame.rgb.size() != bytes_) return;
    // Keeps the phase; after a gap it starts anew.
    due_ns_ = std::max(due_ns_ + period_ns_, frame.sensor_time_ns + period_ns_ / 2);
    Frame* slot = frames_.claim();
    if (slot == nullptr) {
      lost_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    slot->sensor_time_ns = frame.sensor_time_ns;
    slot->number = frame.number;
    slot->height = frame.height;
    slot->width = frame.width;
    std::copy(frame.rgb.begin(), frame.rgb.end(), slot->rgb.begin());
    frames_.publish();
  }

  /// Recorder thread.
  [[nodiscard]] SlotRing<Frame>& frames() noexcept { return frames_; }

  /// Any thread.
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_.load(std::memory_order_relaxed); }

 private:
  std::size_t bytes_;
  Nanoseconds period_ns_;
  Nanoseconds due_ns_ = 0;
  SlotRing<Frame> frames_;
  std::atomic<std::uint64_t> lost_{0};
};

}  // namespace retain
