// The whole loop on emulated servos: it moves them, and ends as it should when they fall silent or stop.
#include "runtime/loop.hpp"

#include <doctest.h>

#include <array>
#include <memory>

#include "robot/feetech/arm.hpp"
#include "runtime/assemble.hpp"
#include "runtime/scripted_loop.hpp"

using namespace retain;
using namespace retain::feetech;
using namespace retain::feetech::testing;
using retain::testing::ScriptedCamera;
using retain::testing::ScriptedEngine;

namespace {

// Forgiving wherever a busy machine shows.
LoopConfig loop_config() {
  LoopConfig config = retain::testing::scripted_config();
  config.rate_hz = 100.0;
  config.state.clear();
  config.action.clear();
  config.limits.clear();
  config.following_error.clear();
  for (const Motor& motor : so101_motors()) {
    config.state.push_back({motor.name, 0.0, 1.0});
    config.action.push_back({motor.name, 0.0, 1.0, true});
    config.limits.push_back({motor.name, Interpolation::linear, motor.unit == Unit::ratio ? 0.0 : -4.0,
                             motor.unit == Unit::ratio ? 1.0 : 4.0, 1.0, 5.0, 100.0});
    config.following_error.push_back(1e9);
  }
  config.max_frame_age_s = 5.0;
  config.inference_timeout_s = 10.0;
  config.hold_timeout_s = 10.0;
  config.start_timeout_s = 20.0;
  return config;
}

// Turns the first joint by 0.2 rad/s and nothing else.
void turn(std::uint64_t, std::span<const float>, std::span<float> chunk) {
  for (std::size_t row = 0; row < chunk.size() / 6; ++row) chunk[6 * row] = 0.02F * static_cast<float>(row + 1);
}

struct Run {
  explicit Run(double duration_s) {
    FeetechConfig config = config_for(bus);
    config.margin_s = 0.2;
    robot = std::make_shared<FeetechRobot>(config);
    LoopConfig settings = loop_config();
    settings.duration_s = duration_s;
    loop =
        assemble(settings, robot, {std::make_shared<ScriptedCamera>()}, std::make_shared<ScriptedEngine>(16, 6, turn));
    loop->start();
  }

  RunReport finish() {
    while (!loop->wait(0.05)) {
    }
    return loop->report();
  }

  void run_for_a_while() {
    CHECK(soon([&] { return loop->status().running_s > 0.3 || loop->wait(0.0); }));
  }

  EmulatedBus bus{so101_motors()};
  std::shared_ptr<FeetechRobot> robot;
  std::unique_ptr<Loop> loop;
};

}  // namespace

TEST_CASE("the loop turns the servo it means and leaves all of them holding") {
  Run run(1.0);
  const RunReport report = run.finish();
  CHECK(report.state == State::hold);
  CHECK(report.cause == Cause::time_over);
  run.bus.with_all([](const EmulatedServo& servo) {
    const int middle = (servo.motor.range_min + servo.motor.range_max) / 2;
    CHECK((servo.motor.id == 1 ? servo.word(42) > middle + 30 : std::abs(servo.word(42) - middle) <= 1));
    CHECK(servo.registers[40] == 1);
    CHECK(servo.goals_outside == 0);
  });
  CHECK(report.robot.size() == run.robot->counts().size());
  for (const RobotCount& trouble : report.robot) {
    INFO(trouble.what);
    CHECK((trouble.count == 0 || trouble.what == "answers missing"));  // which a stolen core may cost
  }
}

TEST_CASE("a cable pulled in a run ends it as silent, and another run starts when it is back") {
  Run run(0.0);
  run.run_for_a_while();
  run.bus.unplug();
  const RunReport report = run.finish();
  CHECK(report.state == State::fault);
  CHECK(report.cause == Cause::robot_silent);
  run.bus.replug();
  CHECK_NOTHROW(run.robot->start());
  run.robot->stop();
}

TEST_CASE("an overloaded servo ends the run as stopped") {
  Run run(0.0);
  run.run_for_a_while();
  run.bus.with(2, [](EmulatedServo& servo) { servo.error = kOverloadError; });
  const RunReport report = run.finish();
  CHECK(report.state == State::fault);
  CHECK(report.cause == Cause::robot_stopped);
  CHECK(count_of(*run.robot, "overload errors") > 0);
}
