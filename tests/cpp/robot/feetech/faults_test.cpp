// A hundred thousand packets that are dropped, corrupted, cut off, late, doubled, out of order, or someone else's.
#include <doctest.h>

#include <cmath>
#include <limits>
#include <random>

#include "robot/feetech/arm.hpp"

using namespace retain;
using namespace retain::feetech;
using namespace retain::feetech::testing;

namespace {

std::vector<Motor> many_motors(int count) {
  std::vector<Motor> motors;
  for (int i = 0; i < count; ++i) {
    motors.push_back({"joint_" + std::to_string(i), static_cast<std::uint8_t>(i + 1), Unit::radians, 0, 10 * i,
                      300 + 20 * i, 3500 - 30 * i});
  }
  return motors;
}

// Commands from sane to hostile; about one in ten is not finite.
std::vector<double> any_command(std::mt19937_64& random, std::size_t channels) {
  std::vector<double> command(channels);
  const double spread = std::pow(10.0, std::uniform_real_distribution<>(-1.0, 6.0)(random));
  for (double& value : command) value = std::uniform_real_distribution<>(-spread, spread)(random);
  switch (std::uniform_int_distribution<>(0, 29)(random)) {
    case 0:
      command[channels / 2] = std::nan("");
      break;
    case 1:
      command[0] = std::numeric_limits<double>::infinity();
      break;
    case 2:
      command[channels - 1] = -1e308;
      break;
    default:
      break;
  }
  return command;
}

// Rounds until so many packets were faulty. What the state shows must be what that servo has really said.
void survive(int channels, std::uint64_t packets, std::uint64_t seed) {
  const std::vector<Motor> motors = many_motors(channels);
  EmulatedBus bus(motors);
  FeetechConfig config = config_for(bus, motors);
  config.margin_s = 3e-4;
  FeetechRobot robot(config);
  robot.start();
  bus.with_all([](EmulatedServo& servo) { servo.shown_ns[static_cast<std::size_t>(servo.word(56))] = monotonic_ns(); });
  std::mt19937_64 random(seed);
  bus.set_step(3);
  RobotState state;
  std::uint64_t invented = 0;
  std::uint64_t fresh = 0;
  const std::array<double, 4> rates{0.0, 0.05, 0.5, 0.95};
  while (bus.faulty_packets() < packets) {
    bus.set_faults({rates[std::uniform_int_distribution<std::size_t>(0, 3)(random)], false, seed});
    const std::vector<double> command = any_command(random, motors.size());
    const RobotStatus written = robot.write(command);
    bool finite = true;
    for (const double value : command) finite = finite && std::isfinite(value);
    REQUIRE(written == (finite ? RobotStatus::ok : RobotStatus::rejected));
    const std::int64_t now_ns = monotonic_ns();
    const RobotStatus status = robot.read(now_ns, state);
    REQUIRE((status == RobotStatus::ok || status == RobotStatus::silent));
    REQUIRE(state.time_ns <= now_ns);
    fresh += status == RobotStatus::ok ? 1 : 0;
    std::size_t i = 0;
    bus.with_all([&](const EmulatedServo& servo) {
      const int counts = to_counts(servo.motor, state.position[i++]);
      if (servo.shown_ns[static_cast<std::size_t>(counts)] == 0) ++invented;
    });
  }
  CHECK(invented == 0);
  CHECK(fresh > 50);
  int goals = 0;
  bus.with_all([&](const EmulatedServo& servo) {
    goals += servo.goals;
    CHECK(servo.goals_outside == 0);
  });
  CHECK(goals > 1000);
  for (const char* what : {"answers missing", "checksum errors", "answers of servos that were not asked",
                           "rounds with answers out of order", "commands not finite"}) {
    INFO(what);
    CHECK(count_of(robot, what) > 0);
  }
}

}  // namespace

TEST_CASE("100 000 faulty packets: no invented measurement, no goal outside, no goal that is no number") {
  survive(6, 10'000, 11);
  survive(static_cast<int>(kMaxChannels), 90'000, 12);
}

TEST_CASE("bursts that keep a valid checksum stay within what a servo can do") {
  // One servo, so that the state's time is its own.
  const std::vector<Motor> motors = {{"joint", 1, Unit::radians, 0, 0, 0, 4095}};
  EmulatedBus bus(motors);
  FeetechConfig config = config_for(bus, motors);
  config.margin_s = 3e-4;
  FeetechRobot robot(config);
  robot.start();
  bus.set_faults({.rate = 0.8, .bursts = true, .seed = 5});
  RobotState last;
  REQUIRE(soon([&] { return robot.read(monotonic_ns(), last) == RobotStatus::ok; }));
  while (bus.faulty_packets() < 20'000) {
    RobotState state;
    const RobotStatus status = robot.read(monotonic_ns(), state);
    const double elapsed_s = static_cast<double>(monotonic_ns() - last.time_ns) * 1e-9;
    const int counts = to_counts(motors[0], state.position[0]);
    const int moved = std::abs(counts - to_counts(motors[0], last.position[0]));
    REQUIRE(to_unit(motors[0], counts) == state.position[0]);
    REQUIRE(std::min(moved, 4096 - moved) <= config.max_counts_per_s * elapsed_s + 16.0);
    last = state;
    if (status != RobotStatus::stopped) continue;
    // A burst may look like an overload: the arm stops, rightly.
    bus.set_faults({.rate = 0.0, .bursts = true, .seed = 5});
    robot.start();
    REQUIRE(soon([&] { return robot.read(monotonic_ns(), last) == RobotStatus::ok; }));
    bus.set_faults({.rate = 0.8, .bursts = true, .seed = 5});
  }
}

TEST_CASE("a measurement is never younger than it says, however late the answers come") {
  // One servo whose position tells when it was asked: it moves by one count with every question.
  const std::vector<Motor> motors = {{"joint", 1, Unit::radians, 0, 0, 0, 4095}};
  EmulatedBus bus(motors);
  bus.with(1, [](EmulatedServo& servo) { servo.set_word(56, 0); });
  FeetechConfig config = config_for(bus, motors);
  config.margin_s = 0.02;
  FeetechRobot robot(config);
  robot.start();
  bus.set_step(1);
  REQUIRE(robot.write(std::vector<double>{to_unit(motors[0], 4095)}) == RobotStatus::ok);
  bus.set_faults({.rate = 0.4, .bursts = false, .seed = 9});
  RobotState state;
  std::uint64_t checked = 0;
  for (int counts = 0; counts < 1500;) {
    const RobotStatus status = robot.read(monotonic_ns(), state);
    bus.with(1, [&](const EmulatedServo& servo) {
      counts = servo.word(56);
      const auto shown = static_cast<std::size_t>(to_counts(motors[0], state.position[0]));
      if (status == RobotStatus::ok && servo.shown_ns[shown] != 0) {
        ++checked;
        REQUIRE(state.time_ns <= servo.shown_ns[shown]);
      }
    });
  }
  CHECK(checked > 300);
}
