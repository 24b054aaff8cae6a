// Counts and units against LeRobot's formulas (motors/motors_bus.py: _normalize, _unnormalize).
#include "robot/feetech/calibration.hpp"

#include <doctest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "error.hpp"
#include "robot/feetech/emulated_bus.hpp"
#include "robot/feetech/registers.hpp"
#include "robot/robot.hpp"

using namespace retain;
using namespace retain::feetech;
using namespace retain::feetech::testing;

namespace {

double lerobot_degrees(const Motor& motor, int counts) {
  const double mid = (motor.range_min + motor.range_max) / 2.0;
  return (counts - mid) * 360 / 4095;
}

double lerobot_percent(const Motor& motor, int counts) {
  const int bounded = std::min(motor.range_max, std::max(motor.range_min, counts));
  const double norm = static_cast<double>(bounded - motor.range_min) / (motor.range_max - motor.range_min) * 100;
  return motor.drive_mode != 0 ? 100 - norm : norm;
}

Motor gripper(int drive_mode) { return {"gripper", 6, Unit::ratio, drive_mode, 0, 2032, 3480}; }

}  // namespace

TEST_CASE("radians are LeRobot's degrees, a ratio is its percent, at every count") {
  for (const Motor& motor : so101_motors()) {
    for (int counts = 0; counts < 4096; ++counts) {
      const double expected = motor.unit == Unit::radians ? lerobot_degrees(motor, counts) * std::numbers::pi / 180
                                                          : lerobot_percent(motor, counts) / 100;
      CHECK(to_unit(motor, counts) == doctest::Approx(expected).epsilon(1e-12));
    }
  }
  for (int counts = 2000; counts < 3500; ++counts) {
    CHECK(to_unit(gripper(1), counts) == doctest::Approx(lerobot_percent(gripper(1), counts) / 100).epsilon(1e-12));
  }
}

TEST_CASE("every position in the range comes back as itself") {
  std::vector<Motor> motors = so101_motors();
  motors.push_back(gripper(1));
  for (const Motor& motor : motors) {
    for (int counts = motor.range_min; counts <= motor.range_max; ++counts) {
      REQUIRE(to_counts(motor, to_unit(motor, counts)) == counts);
      CHECK_FALSE(outside_range(motor, to_unit(motor, counts)));
    }
  }
}

TEST_CASE("goals are within a count of LeRobot's, which cuts off, and never outside the range") {
  std::vector<Motor> motors = so101_motors();
  motors.push_back(gripper(1));
  for (const Motor& motor : motors) {
    for (double value = -20.0; value < 20.0; value += 0.0137) {
      const int goal = to_counts(motor, value);
      REQUIRE(goal >= motor.range_min);
      REQUIRE(goal <= motor.range_max);
      double exact = value / std::numbers::pi * 180 * 4095 / 360 + (motor.range_min + motor.range_max) / 2.0;
      if (motor.unit == Unit::ratio) {
        const double percent = std::clamp(motor.drive_mode != 0 ? 100 - 100 * value : 100 * value, 0.0, 100.0);
        exact = percent / 100 * (motor.range_max - motor.range_min) + motor.range_min;
      }
      const double lerobot = std::clamp(std::trunc(exact), 1.0 * motor.range_min, 1.0 * motor.range_max);
      CHECK(std::abs(goal - lerobot) <= 1.0);
    }
    for (const double value : {1e300, -1e300, 1e9, -1e9}) {
      CHECK(outside_range(motor, value));
      const int goal = to_counts(motor, value);
      CHECK((goal == motor.range_min || goal == motor.range_max));
    }
  }
}

TEST_CASE("sign and magnitude are LeRobot's") {
  for (int value = -2047; value <= 2047; ++value) {
    const auto encoded = static_cast<std::uint16_t>(value < 0 ? (1 << 11) | -value : value);
    REQUIRE(decode_sign_magnitude(encoded, kHomingOffsetSignBit) == value);
  }
  CHECK(decode_sign_magnitude(0x8005, kPositionSignBit) == -5);
  CHECK(decode_sign_magnitude(0x0405, kLoadSignBit) == -5);
}

TEST_CASE("a calibration that makes no arm is refused") {
  const auto refused = [](auto change) {
    std::vector<Motor> motors = so101_motors();
    change(motors);
    CHECK_THROWS_AS(check_motors(motors), ConfigError);
  };
  CHECK_NOTHROW(check_motors(so101_motors()));
  refused([](auto& motors) { motors.clear(); });
  refused([](auto& motors) { motors.resize(kMaxChannels + 1); });
  refused([](auto& motors) { motors[1].id = motors[0].id; });
  refused([](auto& motors) { motors[1].name = motors[0].name; });
  refused([](auto& motors) { motors[2].id = 254; });
  refused([](auto& motors) { motors[2].range_min = motors[2].range_max; });
  refused([](auto& motors) { motors[2].range_max = 4096; });
  refused([](auto& motors) { motors[2].range_min = -1; });
  refused([](auto& motors) { motors[2].homing_offset = 2048; });
  refused([](auto& motors) { motors[2].drive_mode = 2; });
}
