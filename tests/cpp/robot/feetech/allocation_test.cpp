// read() and write() allocate nothing, on good lines and bad: operator new counts.
#include <doctest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "robot/feetech/arm.hpp"

namespace {

thread_local bool counting = false;
std::atomic<std::uint64_t> allocations{0};

void* allocate(std::size_t size) {
  if (counting) allocations.fetch_add(1);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

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
  for (int i = 0; i < 2000; ++i) {
    if (i == 500) bus.set_faults({.rate = 0.5, .bursts = false, .seed = 3});
    if (i == 1800) bus.unplug();
    command[0] = i % 50 == 0 ? std::numeric_limits<double>::quiet_NaN() : 0.001 * i;
    counting = true;
    (void)robot.write(command);
    (void)robot.read(monotonic_ns(), state);
    counting = false;
  }
  CHECK(allocations.load() == 0);
  CHECK(count_of(robot, "answers missing") > 0);
}

TEST_CASE("the counter counts") {
  const std::uint64_t before = allocations.load();
  counting = true;
  delete new int(1);
  counting = false;
  CHECK(allocations.load() > before);
}
