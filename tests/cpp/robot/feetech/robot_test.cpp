// What the driver asks, tells and refuses, with servos that do as they should and with servos that don't.
#include <doctest.h>

#include <cmath>
#include <limits>
#include <string>

#include "error.hpp"
#include "robot/feetech/arm.hpp"
#include "robot/feetech/feetech_robot.hpp"
#include "robot/robot_contract.hpp"

using namespace retain;
using namespace retain::feetech;
using namespace retain::feetech::testing;

namespace {

std::string refusal(FeetechRobot& robot) {
  try {
    robot.start();
  } catch (const DeviceError& error) {
    return error.what();
  }
  return "";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the driver keeps to what is asked of every robot") {
  EmulatedBus bus(so101_motors());
  retain::testing::check_robot_contract({.make = [&] { return std::make_shared<FeetechRobot>(config_for(bus)); }});
}

TEST_CASE("start() sets each goal to where the servo stands before its torque comes, and stop() lets it hold") {
  EmulatedBus bus(so101_motors());
  bus.with(2, [](EmulatedServo& servo) { servo.set_word(56, servo.motor.range_min - kRestCounts); });
  FeetechRobot robot(config_for(bus));
  robot.start();
  robot.stop();
  bus.with_all([](const EmulatedServo& servo) {
    CHECK(servo.goal_was_here_when_torque_came);
    CHECK(servo.registers[40] == 1);
    CHECK(servo.goals_outside == 0);
  });
}

TEST_CASE("torque goes off at the stop only where that was asked for") {
  EmulatedBus bus(so101_motors());
  FeetechConfig config = config_for(bus);
  config.torque_off_at_stop = true;
  FeetechRobot robot(config);
  robot.start();
  robot.stop();
  CHECK(soon([&] {
    int on = 0;
    bus.with_all([&](const EmulatedServo& servo) { on += servo.registers[40]; });
    return on == 0;
  }));
}

TEST_CASE("what the servos measure arrives in the channels' units") {
  EmulatedBus bus(so101_motors());
  bus.with(3, [](EmulatedServo& servo) {
    servo.registers[63] = 51;
    servo.set_word(60, 1 << 10 | 730);
  });
  FeetechRobot robot(config_for(bus));
  robot.start();
  const std::int64_t now_ns = monotonic_ns();
  RobotState state;
  REQUIRE(robot.read(now_ns, state) == RobotStatus::ok);
  CHECK(state.time_ns == now_ns);
  CHECK(state.temperature_c == 51.0);
  CHECK(state.load == doctest::Approx(0.73));
  std::size_t i = 0;
  for (const Motor& motor : so101_motors()) {
    CHECK(robot.channels()[i].name == motor.name);
    CHECK(robot.channels()[i].unit == (i == 5 ? "1" : "rad"));
    CHECK(state.position[i++] == doctest::Approx(to_unit(motor, (motor.range_min + motor.range_max) / 2)));
  }
}

TEST_CASE("commands move the servos, and no goal outside a range ever reaches one") {
  EmulatedBus bus(so101_motors());
  FeetechRobot robot(config_for(bus));
  robot.start();
  const std::vector<double> target{0.1, -0.2, 0.3, 5.0, -100.0, 2.0};
  RobotState state;
  REQUIRE(soon([&] {
    CHECK(robot.write(target) == RobotStatus::ok);
    CHECK(robot.read(monotonic_ns(), state) == RobotStatus::ok);
    return std::abs(state.position[0] - 0.1) < 2e-3 && std::abs(state.position[2] - 0.3) < 2e-3 &&
           state.position[5] == 1.0;
  }));
  CHECK(count_of(robot, "goals clamped into their range") > 0);
  bus.with_all([](const EmulatedServo& servo) { CHECK(servo.goals_outside == 0); });
}

TEST_CASE("a command with one number that is not finite is refused whole") {
  EmulatedBus bus(so101_motors());
  FeetechRobot robot(config_for(bus));
  robot.start();
  int before = 0;
  bus.with_all([&](const EmulatedServo& servo) { before += servo.goals; });
  for (const double bad :
       {std::nan(""), std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()}) {
    for (std::size_t place = 0; place < 6; ++place) {
      std::vector<double> command(6, 0.1);
      command[place] = bad;
      CHECK(robot.write(command) == RobotStatus::rejected);
    }
  }
  CHECK(robot.write(std::vector<double>(5, 0.1)) == RobotStatus::rejected);
  RobotState state;
  CHECK(robot.read(monotonic_ns(), state) == RobotStatus::ok);  // whatever was sent before has arrived
  int after = 0;
  bus.with_all([&](const EmulatedServo& servo) { after += servo.goals; });
  CHECK(after == before);
  CHECK(count_of(robot, "commands not finite") == 18);
}

TEST_CASE("after drop() nothing is sent, and the servos keep what they have") {
  EmulatedBus bus(so101_motors());
  FeetechRobot robot(config_for(bus));
  robot.start();
  robot.drop();
  CHECK(robot.write(std::vector<double>(6, 0.1)) == RobotStatus::rejected);
  RobotState state;
  CHECK(robot.read(monotonic_ns(), state) == RobotStatus::ok);
  bus.with_all([](const EmulatedServo& servo) { CHECK(servo.registers[40] == 1); });
}

TEST_CASE("one silent servo keeps its value and makes the state old; all silent is silent") {
  EmulatedBus bus(so101_motors());
  FeetechConfig config = config_for(bus);
  FeetechRobot robot(config);
  robot.start();
  RobotState state;
  REQUIRE(robot.read(monotonic_ns(), state) == RobotStatus::ok);
  const RobotState before = state;
  bus.with(4, [](EmulatedServo& servo) { servo.mute = true; });
  CHECK(robot.read(monotonic_ns(), state) == RobotStatus::ok);
  CHECK(state.time_ns == before.time_ns);
  CHECK(state.position[3] == before.position[3]);
  bus.with_all([](EmulatedServo& servo) { servo.mute = true; });
  CHECK(robot.read(monotonic_ns(), state) == RobotStatus::silent);
  CHECK(state.time_ns == before.time_ns);
  CHECK(count_of(robot, "answers missing") == 7);
  // Back again, it may answer an old question: the first answer is as old as the first question without one.
  bus.with_all([](EmulatedServo& servo) { servo.mute = false; });
  const std::int64_t back_ns = monotonic_ns();
  REQUIRE(robot.read(back_ns, state) == RobotStatus::ok);
  CHECK(state.time_ns > before.time_ns);
  CHECK(state.time_ns < back_ns);
  const std::int64_t next_ns = monotonic_ns();
  REQUIRE(robot.read(next_ns, state) == RobotStatus::ok);
  CHECK(state.time_ns == next_ns);
}

TEST_CASE("positions that cannot be, and jumps that no servo makes, are not measured") {
  EmulatedBus bus(so101_motors());
  FeetechRobot robot(config_for(bus));
  robot.start();
  bus.set_step(0);
  RobotState state;
  REQUIRE(robot.read(monotonic_ns(), state) == RobotStatus::ok);
  const double before = state.position[0];
  for (const int impossible : {4096, 0x7FFF, 0x8001, 0xFFFF}) {
    bus.with(1, [&](EmulatedServo& servo) { servo.set_word(56, impossible); });
    (void)robot.read(monotonic_ns(), state);
    CHECK(state.position[0] == before);
  }
  CHECK(count_of(robot, "impossible positions") == 4);
  // A quarter of a turn since the last tick is none; after a second of silence it is.
  bus.with(1, [](EmulatedServo& servo) { servo.set_word(56, 3049); });
  (void)robot.read(monotonic_ns(), state);
  const bool slow = count_of(robot, "implausible jumps") == 0;
  CHECK((slow || state.position[0] == before));
  CHECK(soon([&] {
    (void)robot.read(monotonic_ns(), state);
    return state.position[0] != before;
  }));
}

TEST_CASE("overload, overheating, overcurrent and a failed encoder stop the arm until it is started again") {
  for (const std::uint8_t error : {kOverloadError, kTemperatureError, kCurrentError, kSensorError}) {
    EmulatedBus bus(so101_motors());
    FeetechRobot robot(config_for(bus));
    robot.start();
    RobotState state;
    bus.with(2, [&](EmulatedServo& servo) { servo.error = error; });
    // Three answers in a row: one or two may be a broken packet that passed the checksum.
    CHECK(robot.read(monotonic_ns(), state) != RobotStatus::stopped);
    CHECK(soon([&] { return robot.read(monotonic_ns(), state) == RobotStatus::stopped; }));
    bus.with(2, [](EmulatedServo& servo) { servo.error = 0; });
    CHECK(robot.read(monotonic_ns(), state) == RobotStatus::stopped);
    CHECK(robot.write(std::vector<double>(6, 0.1)) == RobotStatus::stopped);
    robot.stop();
    robot.start();
    CHECK(robot.read(monotonic_ns(), state) == RobotStatus::ok);
  }
}

TEST_CASE("a hot servo is believed when three answers in a row say so, and a stray answer is not") {
  EmulatedBus bus(so101_motors());
  FeetechRobot robot(config_for(bus));
  robot.start();
  RobotState state;
  for (int i = 0; i < 10; ++i) (void)robot.read(monotonic_ns(), state);
  const double usual_c = state.temperature_c;
  bus.with(2, [](EmulatedServo& servo) { servo.registers[63] = 90; });
  (void)robot.read(monotonic_ns(), state);
  CHECK(state.temperature_c == usual_c);
  CHECK(soon([&] {
    (void)robot.read(monotonic_ns(), state);
    return state.temperature_c == 90.0;
  }));
}

TEST_CASE("a voltage error is counted and no more") {
  EmulatedBus bus(so101_motors());
  FeetechRobot robot(config_for(bus));
  robot.start();
  RobotState state;
  bus.with(2, [](EmulatedServo& servo) { servo.error = kVoltageError; });
  CHECK(robot.read(monotonic_ns(), state) == RobotStatus::ok);
  CHECK(count_of(robot, "voltage errors") == 1);
}

TEST_CASE("an adapter that hears itself changes nothing") {
  EmulatedBus bus(so101_motors());
  bus.set_echo(true);
  FeetechRobot robot(config_for(bus));
  robot.start();
  RobotState state;
  for (int i = 0; i < 20; ++i) {
    CHECK(robot.write(std::vector<double>(6, 0.1)) == RobotStatus::ok);
    CHECK(robot.read(monotonic_ns(), state) == RobotStatus::ok);
  }
  CHECK(count_of(robot, "answers missing") == 0);
  bus.with_all([](const EmulatedServo& servo) { CHECK(servo.goals_outside == 0); });
}

TEST_CASE("byte times are waited for, and no more than the margin beyond") {
  EmulatedBus bus(so101_motors());
  FeetechRobot robot(config_for(bus));
  robot.start();
  bus.set_byte_time(10'000);
  RobotState state;
  const std::int64_t begun_ns = monotonic_ns();
  CHECK(robot.read(begun_ns, state) == RobotStatus::ok);
  CHECK(monotonic_ns() - begun_ns >= 980'000);  // 14 + 6 · 14 bytes of 10 µs
}

TEST_CASE("start() says what is wrong, and with which servo") {
  EmulatedBus bus(so101_motors());
  FeetechConfig config = config_for(bus);
  SUBCASE("no such port") {
    config.port = "/dev/no-such-port";
    FeetechRobot robot(config);
    CHECK(has(refusal(robot), "there is no serial port /dev/no-such-port"));
  }
  SUBCASE("one servo absent") {
    bus.with(4, [](EmulatedServo& servo) { servo.mute = true; });
    FeetechRobot robot(config);
    const std::string said = refusal(robot);
    CHECK(has(said, "wrist_flex (id 4) doesn't answer"));
    CHECK(has(said, "elbow_flex (id 3)"));
  }
  SUBCASE("no servo at all") {
    bus.with_all([](EmulatedServo& servo) { servo.mute = true; });
    FeetechRobot robot(config);
    CHECK(has(refusal(robot), "no servo answers"));
  }
  SUBCASE("another model") {
    bus.with(2, [](EmulatedServo& servo) { servo.set_word(3, 1284); });
    FeetechRobot robot(config);
    CHECK(has(refusal(robot), "is model 1284; expected 777"));
  }
  SUBCASE("another arm's calibration") {
    config.motors[0].homing_offset = 17;
    config.motors[2].range_max = 3000;
    FeetechRobot robot(config);
    const std::string said = refusal(robot);
    CHECK(has(said, "shoulder_pan homing_offset: -1012 in the servo, 17 in the calibration"));
    CHECK(has(said, "elbow_flex range_max: 3110 in the servo, 3000 in the calibration"));
  }
  SUBCASE("velocity mode") {
    bus.with(5, [](EmulatedServo& servo) { servo.registers[33] = 1; });
    FeetechRobot robot(config);
    CHECK(has(refusal(robot), "operating mode 1"));
  }
  SUBCASE("the factory's answer delay") {
    bus.with(1, [](EmulatedServo& servo) { servo.registers[7] = 250; });
    FeetechRobot robot(config);
    CHECK(has(refusal(robot), "waits 500 µs"));
  }
  SUBCASE("a joint outside its range") {
    bus.with(3, [](EmulatedServo& servo) { servo.set_word(56, servo.motor.range_max + kRestCounts + 1); });
    FeetechRobot robot(config);
    CHECK(has(refusal(robot), "stands at 3151, outside its range 901 to 3110"));
  }
  bus.with_all([](const EmulatedServo& servo) { CHECK(servo.registers[40] == 0); });  // nothing was powered
}
