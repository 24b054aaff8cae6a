// Cables that are pulled, lines that babble, and a start on a bad line.
#include <doctest.h>

#include <atomic>
#include <thread>

#include "error.hpp"
#include "robot/feetech/arm.hpp"

using namespace retain;
using namespace retain::feetech;
using namespace retain::feetech::testing;

TEST_CASE("a cable pulled in mid-motion: silent, nothing blocks, and the arm starts again when it is back") {
  EmulatedBus bus(so101_motors());
  FeetechConfig config = config_for(bus);
  config.margin_s = 0.05;
  FeetechRobot robot(config);
  for (int round = 0; round < 5; ++round) {
    robot.start();
    RobotState state;
    REQUIRE(soon([&] { return robot.read(monotonic_ns(), state) == RobotStatus::ok; }));
    std::atomic<bool> pulled{false};
    std::thread hand([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20 + 7 * round));
      bus.unplug();
      pulled = true;
    });
    double target = 0.0;
    while (!pulled) {
      const RobotStatus written = robot.write(std::vector<double>(6, target = 0.5 - target));
      CHECK((written == RobotStatus::ok || written == RobotStatus::silent));
      (void)robot.read(monotonic_ns(), state);
    }
    hand.join();
    (void)robot.read(monotonic_ns(), state);
    const RobotState last = state;
    const std::int64_t begun_ns = monotonic_ns();
    for (int i = 0; i < 1000; ++i) {
      CHECK(robot.read(monotonic_ns(), state) == RobotStatus::silent);
      CHECK(robot.write(std::vector<double>(6, 0.2)) == RobotStatus::silent);
    }
    // A port that is gone is not waited for: the margin alone would be a hundred seconds.
    CHECK(monotonic_ns() - begun_ns < 30'000'000'000);
    CHECK(state.time_ns == last.time_ns);
    CHECK(state.position == last.position);
    CHECK(count_of(robot, "packets not sent") > 0);
    CHECK_THROWS_AS(robot.start(), DeviceError);
    CHECK(robot.read(monotonic_ns(), state) == RobotStatus::silent);
    bus.replug();
  }
  robot.start();
  RobotState state;
  CHECK(soon([&] { return robot.read(monotonic_ns(), state) == RobotStatus::ok; }));
  bus.with_all([](const EmulatedServo& servo) { CHECK(servo.goals_outside == 0); });
}

TEST_CASE("a line that babbles without end holds nobody up") {
  EmulatedBus bus(so101_motors());
  FeetechConfig config = config_for(bus);
  config.margin_s = 5e-3;
  FeetechRobot robot(config);
  robot.start();
  bus.with_all([](EmulatedServo& servo) { servo.mute = true; });
  bus.set_babble(true);
  RobotState state;
  const std::int64_t begun_ns = monotonic_ns();
  for (int i = 0; i < 50; ++i) {
    CHECK(robot.read(monotonic_ns(), state) == RobotStatus::silent);
    CHECK(robot.write(std::vector<double>(6, 0.1)) != RobotStatus::rejected);
  }
  CHECK(monotonic_ns() - begun_ns < 60'000'000'000);
  bus.set_babble(false);
  bus.with_all([](EmulatedServo& servo) { servo.mute = false; });
  CHECK(soon([&] { return robot.read(monotonic_ns(), state) == RobotStatus::ok; }));
}

TEST_CASE("an arm whose port closed is silent, and stopping twice is fine") {
  EmulatedBus bus(so101_motors());
  FeetechRobot robot(config_for(bus));
  RobotState state;
  CHECK(robot.read(monotonic_ns(), state) == RobotStatus::silent);
  CHECK(robot.write(std::vector<double>(6, 0.0)) == RobotStatus::rejected);
  robot.start();
  robot.stop();
  robot.stop();
  CHECK(robot.read(monotonic_ns(), state) == RobotStatus::silent);
  CHECK(robot.write(std::vector<double>(6, 0.0)) == RobotStatus::rejected);
}
