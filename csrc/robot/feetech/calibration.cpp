#include "robot/feetech/calibration.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "error.hpp"
#include "robot/feetech/packet.hpp"
#include "robot/feetech/registers.hpp"
#include "robot/robot.hpp"

namespace retain::feetech {

namespace {

// LeRobot divides the turn by 4095, not 4096; its policies have learned that.
constexpr double kRadiansPerCount = 2.0 * std::numbers::pi / (kCountsPerTurn - 1);

double middle(const Motor& motor) noexcept { return (motor.range_min + motor.range_max) / 2.0; }

double width(const Motor& motor) noexcept { return motor.range_max - motor.range_min; }

double exact_counts(const Motor& motor, double value) noexcept {
  if (motor.unit == Unit::radians) return value / kRadiansPerCount + middle(motor);
  return (motor.drive_mode != 0 ? 1.0 - value : value) * width(motor) + motor.range_min;
}

}  // namespace

double to_unit(const Motor& motor, int counts) noexcept {
  if (motor.unit == Unit::radians) return (counts - middle(motor)) * kRadiansPerCount;
  const double ratio = (std::clamp(counts, motor.range_min, motor.range_max) - motor.range_min) / width(motor);
  return motor.drive_mode != 0 ? 1.0 - ratio : ratio;
}

int to_counts(const Motor& motor, double value) noexcept {
  // Bounded before it becomes an integer: a double out of an integer's range has no integer.
  const double counts = std::clamp(exact_counts(motor, value), static_cast<double>(motor.range_min),
                                   static_cast<double>(motor.range_max));
  return static_cast<int>(std::lround(counts));
}

bool outside_range(const Motor& motor, double value) noexcept {
  const double counts = exact_counts(motor, value);
  // Half a count is rounding.
  return counts < motor.range_min - 0.5 || counts > motor.range_max + 0.5;
}

void check_motors(std::span<const Motor> motors) {
  if (motors.empty() || motors.size() > kMaxChannels) {
    throw ConfigError("the calibration has " + std::to_string(motors.size()) + " servos; expected 1 to " +
                      std::to_string(kMaxChannels));
  }
  for (std::size_t i = 0; i < motors.size(); ++i) {
    const Motor& motor = motors[i];
    const auto refuse = [&](const std::string& what) {
      throw ConfigError("the calibration of servo " + motor.name + " " + what +
                        "; calibrate the arm again with: lerobot-calibrate");
    };
    if (motor.id > kMaxId) refuse("has the id " + std::to_string(motor.id) + "; expected 0 to 253");
    if (motor.range_min < 0 || motor.range_max >= kCountsPerTurn || motor.range_min >= motor.range_max) {
      refuse("has the range " + std::to_string(motor.range_min) + " to " + std::to_string(motor.range_max) +
             "; expected an ascending one within 0 to 4095");
    }
    if (std::abs(motor.homing_offset) > kMaxHomingOffset) {
      refuse("has the homing_offset " + std::to_string(motor.homing_offset) + "; expected -2047 to 2047");
    }
    if (motor.drive_mode != 0 && motor.drive_mode != 1) refuse("has a drive_mode other than 0 and 1");
    for (const Motor& other : motors.first(i)) {
      if (other.id == motor.id) refuse("has the id of " + other.name + ", " + std::to_string(motor.id));
      if (other.name == motor.name) refuse("stands there twice");
    }
  }
}

}  // namespace retain::feetech
