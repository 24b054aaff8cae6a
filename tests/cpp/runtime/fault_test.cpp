// Faults injected under a virtual clock, and what the loop does about each; those with threads are in
// loop_fault_test.cpp.
#include <doctest.h>

#include <cmath>

#include "error.hpp"
#include "runtime/frozen_watch.hpp"
#include "runtime/rig.hpp"

using namespace retain;
using namespace retain::testing;

namespace {

double speed_of(const Rig& rig) {
  const std::vector<TickRecord> records = rig.recorder.records();
  const std::size_t n = records.size();
  return (records[n - 1].sent[0] - records[n - 2].sent[0]) * 500.0;
}

}  // namespace

TEST_CASE("the tool never leaves the workspace: the motion is braked before, and the run ends in a fault") {
  for (const double speed : {0.05, 0.3, 0.9, -0.9}) {
    CAPTURE(speed);
    Scenario scenario;
    scenario.workspace = Workspace{{-0.3, -1.0, -1.0}, {0.3, 1.0, 1.0}};
    Rig rig(scenario, drift(speed));
    double furthest = 0.0;
    rig.run_until(20.0, [&](double) { furthest = std::max(furthest, std::abs(rig.robot.position()[0])); });
    CHECK(rig.finished);
    CHECK(rig.state() == State::fault);
    CHECK(rig.cause() == Cause::workspace);
    CHECK(furthest <= 0.3);
    CHECK(furthest > 0.25);
    CHECK_MESSAGE(rig.robot.watch().broken().empty(), rig.robot.watch().broken());
  }
}

TEST_CASE("a workspace is refused where the robot does not know its tool, and where the tool stands outside") {
  Scenario scenario;
  scenario.workspace = Workspace{{-0.3, -1.0, -1.0}, {0.3, 1.0, 1.0}};
  Rig rig(scenario, drift(0.1));
  rig.robot.has_tool = false;
  CHECK_THROWS_AS(rig.controller->arm(), ConfigError);
  rig.robot.has_tool = true;
  rig.robot.displaced = 0.5;
  CHECK_THROWS_WITH_AS(rig.controller->arm(), doctest::Contains("outside the workspace"), DeviceError);
}

TEST_CASE("a motor that is too hot ramps the arm down; one that can't say how hot it is does not") {
  Scenario scenario;
  scenario.temperature_limit_c = 65.0;
  Rig rig(scenario, drift(0.1));
  rig.run_until(2.0);
  CHECK(rig.state() == State::running);
  rig.robot.temperature_c = 64.9;
  rig.run_until(3.0);
  CHECK(rig.state() == State::running);
  rig.robot.temperature_c = 65.1;
  rig.run_until(10.0);
  CHECK(rig.state() == State::fault);
  CHECK(rig.cause() == Cause::overheated);
  CHECK_MESSAGE(rig.robot.watch().broken().empty(), rig.robot.watch().broken());
}

TEST_CASE("a hot computer slows the arm within its limits, a critical one ramps it down") {
  Scenario scenario;
  Rig rig(scenario, drift(0.8));
  rig.run_until(1.0);
  CHECK(speed_of(rig) == doctest::Approx(0.8).epsilon(0.3));
  rig.surroundings.speed_scale.store(0.25);
  rig.run_until(1.5);
  CHECK(std::abs(speed_of(rig)) <= 0.25 + 1e-9);
  rig.surroundings.overheated.store(true);
  rig.run_until(10.0);
  CHECK(rig.cause() == Cause::overheated);
  CHECK_MESSAGE(rig.robot.watch().broken().empty(), rig.robot.watch().broken());
}

TEST_CASE("a lost camera ramps the arm down at once, whatever rows are left") {
  Scenario scenario;
  Rig rig(scenario, drift(0.1));
  rig.run_until(2.0);
  rig.surroundings.cameras_lost.store(1);
  rig.run_until(2.1);
  CHECK(rig.state() != State::running);
  rig.run_until(5.0);
  CHECK(rig.finished);
  CHECK(rig.state() == State::fault);
  CHECK(rig.cause() == Cause::camera_lost);
}

TEST_CASE("an attended loop waits in its fault; only a person leaves it, and only when it is mended") {
  Scenario scenario;
  scenario.attended = true;
  Rig rig(scenario, drift(0.1));
  rig.run_until(2.0);
  rig.surroundings.cameras_lost.store(1);
  rig.run_until(4.0);
  CHECK_FALSE(rig.finished);
  CHECK(rig.state() == State::fault);
  const double resting = rig.robot.position()[0];
  rig.requests.rearm.store(true);  // the camera is still away
  rig.run_until(4.5);
  CHECK(rig.state() == State::fault);
  rig.surroundings.cameras_lost.store(0);
  rig.run_until(6.0);
  CHECK(rig.state() == State::fault);  // nothing resumes by itself
  CHECK(rig.robot.position()[0] == resting);
  rig.requests.rearm.store(true);
  double before = resting;
  double largest = 0.0;
  rig.run_until(8.0, [&](double) {
    largest = std::max(largest, std::abs(rig.robot.position()[0] - before));
    before = rig.robot.position()[0];
  });
  CHECK(rig.state() == State::running);
  CHECK(rig.controller->supervisor().rearmed() == 1);
  CHECK(rig.robot.position()[0] > resting);
  CHECK(largest <= 1.0 / 500.0 + 1e-9);
  CHECK_MESSAGE(rig.robot.watch().broken().empty(), rig.robot.watch().broken());
}

TEST_CASE("after a re-arm nothing of the old plan is played, whatever of it is left") {
  for (const Strategy strategy : {Strategy::async, Strategy::ensemble, Strategy::rtc_guided, Strategy::rtc_prefix}) {
    CAPTURE(static_cast<int>(strategy));
    Scenario scenario;
    scenario.attended = true;
    scenario.strategy = strategy;
    scenario.execute_rows = 2;
    // Long chunks far away: 1.6 s of plan are left when the arm is stopped, and one answer is under way.
    bool away = true;
    scenario.delay_s = [](std::uint64_t) { return 0.15; };
    Rig rig(scenario, [&](std::uint64_t, std::span<const float> state, std::span<float> chunk) {
      for (std::size_t row = 0; row < chunk.size() / 3; ++row) {
        chunk[3 * row] = state[0] + (away ? 0.05F * static_cast<float>(row + 1) : 0.0F);
      }
    });
    rig.run_until(1.02);
    rig.surroundings.cameras_lost.store(1);
    rig.run_until(1.6);
    REQUIRE(rig.state() == State::fault);
    away = false;
    const double resting = rig.robot.position()[0];
    rig.surroundings.cameras_lost.store(0);
    rig.requests.rearm.store(true);
    double strayed = 0.0;
    rig.run_until(3.0, [&](double) { strayed = std::max(strayed, std::abs(rig.robot.position()[0] - resting)); });
    CHECK(rig.state() == State::running);
    CHECK(strayed < 1e-6);
  }
}

TEST_CASE("a stop ends an attended fault, and a silent robot drops it") {
  for (const bool silent : {false, true}) {
    Scenario scenario;
    scenario.attended = true;
    Rig rig(scenario, drift(0.1));
    rig.run_until(2.0);
    rig.surroundings.cameras_lost.store(1);
    rig.run_until(4.0);
    REQUIRE_FALSE(rig.finished);
    if (silent) {
      rig.robot.status = RobotStatus::silent;
    } else {
      rig.requests.stop.store(true);
    }
    rig.run_until(5.0);
    CHECK(rig.finished);
    CHECK(rig.state() == State::fault);
    CHECK(rig.cause() == (silent ? Cause::robot_silent : Cause::camera_lost));
    CHECK(rig.robot.dropped == silent);
  }
}

TEST_CASE("an engine error cannot be re-armed") {
  Scenario scenario;
  scenario.attended = true;
  Rig rig(scenario, [](std::uint64_t request, std::span<const float>, std::span<float>) {
    if (request == 3) throw EngineError("the device is lost");
  });
  rig.run_until(8.0);
  REQUIRE(rig.state() == State::fault);
  CHECK(rig.cause() == Cause::engine_error);
  rig.requests.rearm.store(true);
  rig.run_until(9.0);
  CHECK(rig.state() == State::fault);
}

TEST_CASE("a frozen watch counts equal pictures in a row, and one changed byte anywhere starts anew") {
  std::vector<std::uint8_t> picture(64 * 48 * 3 + 5, 7);
  for (const std::size_t place : {std::size_t{0}, std::size_t{11}, picture.size() - 1}) {
    FrozenWatch watch(3);
    CHECK_FALSE(watch.see(picture));
    CHECK_FALSE(watch.see(picture));
    CHECK_FALSE(watch.see(picture));
    CHECK(watch.see(picture));
    ++picture[place];
    CHECK_FALSE(watch.see(picture));
  }
  FrozenWatch off(0);
  for (int i = 0; i < 100; ++i) CHECK_FALSE(off.see(picture));
}
