#include "robot/mujoco_robot.hpp"

#include <doctest.h>

#include <cmath>

#include "error.hpp"
#include "robot/robot_contract.hpp"

using namespace retain;

namespace {

constexpr std::int64_t kStepNs = 5'000'000;

// One joint that carries a cup over a block which lies on the floor.
const char* const kScene = R"(
<mujoco><option timestep="0.005"/><compiler angle="radian"/>
<worldbody>
  <geom type="plane" size="1 1 .1"/>
  <body name="arm" pos="0 0 .205" gravcomp="1"><joint name="swing" axis="0 0 1" armature=".1" damping="1"/>
    <geom type="capsule" fromto="0 0 0 .3 0 0" size=".01" mass=".2" contype="0" conaffinity="0"/>
    <body name="cup" pos=".3 0 -.05"><geom type="sphere" size=".01" mass=".05" contype="0" conaffinity="0"/>
      <site name="tip" pos="0 0 -.05"/></body></body>
  <body name="block" pos=".3 0 .05"><freejoint/><geom type="box" size=".05 .05 .05" mass=".05"/></body>
</worldbody>
<equality><weld name="grip" body1="cup" body2="block" active="false"/></equality>
<actuator><position name="swing" joint="swing" kp="100" dampratio="1"/></actuator>
</mujoco>)";

MujocoScene scene() {
  return {kScene,    {0.0, 0.3, 0.0, 0.05, 1.0, 0.0, 0.0, 0.0},
          {0.0},     {"swing"},
          "suction", {"tip", "cup", {"block"}, {"grip"}, 0.02, 0.01, 0.05}};
}

std::shared_ptr<const mujoco::Library> library() { return mujoco::load_library(RETAIN_LIBMUJOCO); }

double block_y(mujoco::SnapshotFeed& feed) {
  feed.update();
  return feed.front().qpos[2];
}

}  // namespace

TEST_CASE("the simulated arm is a robot like any other") {
  testing::check_robot_contract({.make = [] { return std::make_shared<MujocoRobot>(library(), scene()); }});
}

TEST_CASE("the physics follows the loop's time, and a long gap is left out instead of made up for") {
  MujocoRobot robot(library(), scene());
  const auto feed = robot.subscribe();
  RobotState state;
  CHECK(robot.read(1'000, state) == RobotStatus::ok);
  CHECK(robot.read(1'000 + 3 * kStepNs + 1, state) == RobotStatus::ok);
  feed->update();
  CHECK(feed->front().number == 4);  // the start counts as the first
  CHECK(state.time_ns == 1'000 + 3 * kStepNs);
  CHECK(robot.read(1'000 + 1000 * kStepNs, state) == RobotStatus::ok);
  feed->update();
  CHECK(feed->front().number == 14);
  CHECK(state.time_ns == 1'000 + 1000 * kStepNs);
}

TEST_CASE("the cup takes a block that it stands on, carries it, and lets go") {
  MujocoRobot robot(library(), scene());
  const auto feed = robot.subscribe();
  RobotState state;
  std::int64_t now_ns = 0;
  const auto play = [&](double joint, double suction, int steps) {
    for (int i = 0; i < steps; ++i) {
      const double command[] = {joint, suction};
      CHECK(robot.write(command) == RobotStatus::ok);
      CHECK(robot.read(now_ns += kStepNs, state) == RobotStatus::ok);
    }
  };
  CHECK(robot.read(now_ns, state) == RobotStatus::ok);
  play(0.5, 0.0, 200);
  CHECK(std::abs(block_y(*feed)) < 1e-3);
  play(0.0, 0.0, 200);
  play(0.0, 1.0, 10);
  CHECK(feed->update());
  CHECK(feed->front().eq_active[0] == 1);
  CHECK(state.position[1] == 1.0);
  play(0.5, 1.0, 300);
  CHECK(block_y(*feed) == doctest::Approx(0.3 * std::sin(0.5)).epsilon(0.1));
  play(0.0, 0.0, 300);
  CHECK(block_y(*feed) == doctest::Approx(0.3 * std::sin(0.5)).epsilon(0.1));
  CHECK(state.position[1] == 0.0);
}

TEST_CASE("after a drop no command is taken") {
  MujocoRobot robot(library(), scene());
  robot.drop();
  const double command[] = {0.5, 0.0};
  CHECK(robot.write(command) == RobotStatus::rejected);
}

TEST_CASE("a simulation that diverges is a stopped robot, not one that jumps home") {
  MujocoScene wild = scene();
  wild.xml.replace(wild.xml.find("kp=\"100\""), 8, "kp=\"1e30\"");
  MujocoRobot robot(library(), wild);
  RobotState state;
  std::int64_t now_ns = 0;
  RobotStatus status = robot.read(now_ns, state);
  const double command[] = {1.0, 0.0};
  CHECK(robot.write(command) == RobotStatus::ok);
  for (int i = 0; i < 200 && status == RobotStatus::ok; ++i) status = robot.read(now_ns += kStepNs, state);
  CHECK(status == RobotStatus::stopped);
}

TEST_CASE("what cannot be opened is refused in a sentence") {
  CHECK_THROWS_WITH_AS((void)mujoco::load_library("/nowhere/libmujoco.so"),
                       doctest::Contains("pip install 'retain-vla[sim]'"), DeviceError);
  CHECK_THROWS_WITH_AS((void)mujoco::load_library("libm.so.6"), doctest::Contains("no function mj_version"),
                       DeviceError);
  MujocoScene wrong = scene();
  wrong.joints = {"elbow"};
  CHECK_THROWS_WITH_AS(MujocoRobot(library(), wrong), doctest::Contains("no joint named elbow"), DeviceError);
  wrong = scene();
  wrong.qpos.pop_back();
  CHECK_THROWS_WITH_AS(MujocoRobot(library(), wrong), doctest::Contains("8 positions and the start gives 7"),
                       DeviceError);
  wrong = scene();
  wrong.xml = "<mujoco><nonsense/></mujoco>";
  CHECK_THROWS_WITH_AS(MujocoRobot(library(), wrong), doctest::Contains("cannot compile the scene"), DeviceError);
}

TEST_CASE("the tool is where forward kinematics puts it, and asking moves nothing") {
  MujocoRobot robot(library(), scene());
  RobotState state;
  REQUIRE(robot.read(1'000, state) == RobotStatus::ok);
  for (const double angle : {-1.2, 0.0, 0.7, 3.0}) {
    std::array<double, 3> tool_m{};
    const std::array<double, 2> position{angle, 1.0};
    REQUIRE(robot.tool_position(position, tool_m));
    CHECK(tool_m[0] == doctest::Approx(0.3 * std::cos(angle)));
    CHECK(tool_m[1] == doctest::Approx(0.3 * std::sin(angle)));
    CHECK(tool_m[2] == doctest::Approx(0.205 - 0.1));
  }
  RobotState after;
  REQUIRE(robot.read(1'000 + kStepNs, after) == RobotStatus::ok);
  CHECK(after.position[0] == doctest::Approx(state.position[0]).epsilon(1e-3));
}
