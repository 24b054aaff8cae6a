#include "camera/mujoco_camera.hpp"

#include <doctest.h>

#include <atomic>
#include <thread>

#include "camera/camera_contract.hpp"
#include "robot/mujoco_robot.hpp"

using namespace retain;
using namespace retain::testing;

namespace {

const char* const kScene = R"(
<mujoco><option timestep="0.005"/>
<worldbody>
  <camera name="eye" pos="0 -1 .5" xyaxes="1 0 0 0 .5 1"/>
  <body name="arm"><joint name="swing" axis="0 0 1" armature=".1" damping="1"/>
    <geom type="capsule" fromto="0 0 0 .3 0 0" size=".01" mass=".2"/>
    <body name="cup" pos=".3 0 0"><geom type="sphere" size=".01" mass=".05"/><site name="tip"/></body></body>
  <body name="block" pos="1 0 .05"><freejoint/><geom type="box" size=".05 .05 .05" mass=".05"/></body>
</worldbody>
<equality><weld name="grip" body1="cup" body2="block" active="false"/></equality>
<actuator><position name="swing" joint="swing" kp="100" dampratio="1"/></actuator>
</mujoco>)";

}  // namespace

TEST_CASE("the simulated camera is a camera like any other") {
  const auto library = mujoco::load_library(RETAIN_LIBMUJOCO);
  MujocoRobot robot(library, {kScene,
                              {0.0, 1.0, 0.0, 0.05, 1.0, 0.0, 0.0, 0.0},
                              {0.0},
                              {"swing"},
                              "suction",
                              {"tip", "cup", {"block"}, {"grip"}, 0.02, 0.01, 0.05}});
  MujocoCamera camera(library, kScene, {"front", "eye", 16, 24, 200.0}, robot.subscribe());
  std::atomic<bool> ending{false};
  std::thread physics([&] {
    RobotState state;
    while (!ending.load()) {
      (void)robot.read(testing::detail::steady_ns(), state);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  check_camera_contract(camera, 5);
  ending.store(true);
  physics.join();
}
