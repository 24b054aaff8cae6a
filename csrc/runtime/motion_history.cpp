#include "runtime/motion_history.hpp"

#include <algorithm>

namespace retain {

MotionHistory::MotionHistory(std::size_t capacity, std::size_t channels)
    : capacity_(std::max<std::size_t>(capacity, 2)),
      channels_(channels),
      sequence_(capacity_),
      time_ns_(capacity_),
      values_(capacity_ * 2 * channels) {}

void MotionHistory::push(const Motion& motion) noexcept {
  const std::uint64_t index = written_.load(std::memory_order_relaxed);
  const std::size_t slot = index % capacity_;
  sequence_[slot].store(2 * index + 1, std::memory_order_relaxed);
  // Release on every value: a reader that sees any of them also sees that the slot is being written.
  time_ns_[slot].store(motion.time_ns, std::memory_order_release);
  std::atomic<double>* values = &values_[slot * 2 * channels_];
  for (std::size_t c = 0; c < channels_; ++c) {
    values[c].store(motion.measured[c], std::memory_order_release);
    values[channels_ + c].store(motion.commanded[c], std::memory_order_release);
  }
  sequence_[slot].store(2 * index + 2, std::memory_order_release);
  written_.store(index + 1, std::memory_order_release);
}

bool MotionHistory::read(std::uint64_t index, Motion& motion) const noexcept {
  const std::size_t slot = index % capacity_;
  const std::uint64_t whole = 2 * index + 2;
  if (sequence_[slot].load(std::memory_order_acquire) != whole) return false;
  motion.time_ns = time_ns_[slot].load(std::memory_order_acquire);
  const std::atomic<double>* values = &values_[slot * 2 * channels_];
  for (std::size_t c = 0; c < channels_; ++c) {
    motion.measured[c] = values[c].load(std::memory_order_acquire);
    motion.commanded[c] = values[channels_ + c].load(std::memory_order_acquire);
  }
  return sequence_[slot].load(std::memory_order_relaxed) == whole;
}

bool MotionHistory::at(Nanoseconds instant_ns, Motion& motion) const noexcept {
  const std::uint64_t written = written_.load(std::memory_order_acquire);
  if (written == 0) return false;
  Motion later;
  bool have_later = false;
  // From the newest back: observations are young, so this ends after a few entries.
  for (std::uint64_t back = 1; back <= std::min<std::uint64_t>(written, capacity_); ++back) {
    Motion entry;
    if (!read(written - back, entry)) break;  // overwritten meanwhile: older ones are gone too
    if (entry.time_ns <= instant_ns) {
      motion = entry;
      if (have_later && later.time_ns > entry.time_ns) {
        const double share =
            static_cast<double>(instant_ns - entry.time_ns) / static_cast<double>(later.time_ns - entry.time_ns);
        for (std::size_t c = 0; c < channels_; ++c)
          motion.measured[c] += share * (later.measured[c] - entry.measured[c]);
        motion.time_ns = instant_ns;
      }
      return true;
    }
    later = entry;
    have_later = true;
  }
  if (have_later) motion = later;
  return have_later;
}

}  // namespace retain
