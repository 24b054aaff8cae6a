// read() and write() allocate nothing, on good lines and bad.
#include <doctest.h>

#include <array>
#include <limits>

#include "allocation_count.hpp"
#include "robot/feetech/arm.hpp"

using namespace retain;
using namespace retain::feetech;
using namespace retain::feetech::testing;

TEST_CASE("two thousand ticks of reading and writing, faults and a pulled cable included, allocate nothing") {
  EmulatedBus bus(so101_motors());
  FeetechConfig config = config_for(bus);
  config.margin_s = 1e-3;
  FeetechRobot robot(config);
  robot.start();
  RobotState state;
  std::array<double, 6> command{};
  std::uint64_t allocations = 0;
  for (int i = 0; i < 2000; ++i) {
    if (i == 500) bus.set_faults({.rate = 0.5, .bursts = false, .seed = 3});
    if (i == 1800) bus.unplug();
    command[0] = i % 50 == 0 ? std::numeric_limits<double>::quiet_NaN() : 0.001 * i;
    retain::testing::AllocationCount counted;
    (void)robot.write(command);
    (void)robot.read(monotonic_ns(), state);
    allocations += counted.stop();
  }
  CHECK(allocations == 0);
  CHECK(count_of(robot, "answers missing") > 0);
}
