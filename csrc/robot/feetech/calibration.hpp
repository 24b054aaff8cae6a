// One servo's calibration as LeRobot keeps it, and what its counts mean in the channel's unit.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace retain::feetech {

enum class Unit : std::uint8_t {
  radians,  ///< 0 in the middle of the range
  ratio,    ///< 0 … 1 over the range, for a gripper
};

/// One servo. Counts are what Present_Position says: the encoder's value less homing_offset, 0 … 4095 in one turn.
struct Motor {
  std::string name;
  std::uint8_t id = 0;
  Unit unit = Unit::radians;
  int drive_mode = 0;  ///< 1: a ratio counts from the other end. LeRobot's degrees don't look at it, so radians don't.
  int homing_offset = 0;
  int range_min = 0;
  int range_max = 0;
};

/// How far outside its range a joint may be found at the start: the range was recorded by hand, and a loaded STS3215
/// gives way by 20 to 30 counts (https://github.com/TheRobotStudio/SO-ARM100/issues/134). Goals are always inside.
inline constexpr int kRestCounts = 40;

/// Radians: (counts − (range_min + range_max) / 2) · 2π / 4095, LeRobot's degrees in SI. Ratio: its 0 … 100 % over 100,
/// which it bounds at both ends.
[[nodiscard]] double to_unit(const Motor& motor, int counts) noexcept;

/// The nearest position inside the range. LeRobot cuts off instead of rounding and may say one less.
/// @param value finite
[[nodiscard]] int to_counts(const Motor& motor, double value) noexcept;

/// Whether to_counts() has to bring the value back into the range.
[[nodiscard]] bool outside_range(const Motor& motor, double value) noexcept;

/// @throw ConfigError unless there are 1 … kMaxChannels servos of different ids and names with sane ranges
void check_motors(std::span<const Motor> motors);

}  // namespace retain::feetech
