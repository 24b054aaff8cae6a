// Where the robot was and what it was told over the last second, readable by the infer thread while the tick writes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "robot/robot.hpp"
#include "runtime/clock.hpp"

namespace retain {

/// The robot at one instant.
struct Motion {
  Nanoseconds time_ns = 0;
  ChannelValues measured{};
  ChannelValues commanded{};
};

/// One writer that never waits, one reader that never blocks it. Each slot is a sequence lock over atomics (Boehm, "Can
/// seqlocks get along with programming language memory models?", MSPC 2012); a reader that meets a slot being written
/// treats it as absent. An observation is a frame *and* the state at the frame's time: pairing an old frame with the
/// newest state would show the policy an arm that is in two places.
class MotionHistory {
 public:
  MotionHistory(std::size_t capacity, std::size_t channels);

  /// Writer.
  void push(const Motion& motion) noexcept;

  /// Reader: the motion at an instant, measured positions interpolated between the two neighbours, the command that was
  /// in force. Before the oldest entry: the oldest. After the newest: the newest.
  /// @return false if nothing was ever written
  [[nodiscard]] bool at(Nanoseconds instant_ns, Motion& motion) const noexcept;

 private:
  [[nodiscard]] bool read(std::uint64_t index, Motion& motion) const noexcept;

  std::size_t capacity_;
  std::size_t channels_;
  std::vector<std::atomic<std::uint64_t>>
      sequence_;  // 2·index + 1 while entry `index` is written, 2·index + 2 when whole
  std::vector<std::atomic<Nanoseconds>> time_ns_;
  std::vector<std::atomic<double>> values_;  // per slot: measured, then commanded
  std::atomic<std::uint64_t> written_{0};
};

}  // namespace retain
