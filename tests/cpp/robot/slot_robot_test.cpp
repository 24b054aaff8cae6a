#include "robot/slot_robot.hpp"

#include <doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "error.hpp"
#include "robot/robot_contract.hpp"

using namespace retain;
using namespace retain::testing;

namespace {

const std::vector<RobotChannel> kChannels{{"shoulder", "rad"}, {"elbow", "rad"}};

/// A driver as a user writes it: measures, reports, takes the newest command, moves there.
class Driven {
 public:
  Driven() : robot(std::make_shared<SlotRobot>(kChannels)), thread_([this] { drive(); }) {}
  Driven(const Driven&) = delete;
  Driven& operator=(const Driven&) = delete;
  ~Driven() {
    ending_.store(true);
    thread_.join();
  }

  const std::shared_ptr<SlotRobot> robot;

 private:
  void drive() {
    std::vector<double> position(2);
    while (!ending_.load()) {
      robot->push_state(testing::detail::monotonic_ns(), position);
      (void)robot->take_command(position);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }

  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace

TEST_CASE("a driven slot is a robot like any other") {
  std::vector<std::unique_ptr<Driven>> drivers;
  check_robot_contract({.make = [&] {
    drivers.push_back(std::make_unique<Driven>());
    return drivers.back()->robot;
  }});
}

TEST_CASE("states and commands cross whole, newest last, while both sides run") {
  constexpr int kCount = 20'000;
  const std::vector<RobotChannel> wide(kMaxChannels, {"joint", "rad"});
  SlotRobot robot(wide);
  std::atomic<bool> done{false};
  bool commands_whole = true;
  bool commands_forward = true;
  std::thread driver([&] {
    std::vector<double> values(kMaxChannels);
    std::vector<double> command(kMaxChannels);
    double last = 0.0;
    for (int i = 1; i <= kCount; ++i) {
      values.assign(kMaxChannels, i);
      robot.push_state(i, values);
      if (robot.take_command(command)) {
        for (const double value : command) commands_whole = commands_whole && value == command[0];
        commands_forward = commands_forward && command[0] > last;
        last = command[0];
      }
      if (i % 64 == 0) std::this_thread::yield();
    }
    done.store(true);
  });
  RobotState state;
  std::vector<double> command(kMaxChannels);
  bool whole = true;
  bool forward = true;
  std::int64_t last_ns = 0;
  for (double sent = 1.0; !done.load(); ++sent) {
    command.assign(kMaxChannels, sent);
    (void)robot.write(command);
    if (robot.read(0, state) != RobotStatus::ok) continue;
    for (const double value : state.position) whole = whole && value == static_cast<double>(state.time_ns);
    forward = forward && state.time_ns >= last_ns;
    last_ns = state.time_ns;
  }
  driver.join();
  CHECK(robot.read(0, state) == RobotStatus::ok);
  CHECK(state.time_ns == kCount);
  CHECK(whole);
  CHECK(forward);
  CHECK(commands_whole);
  CHECK(commands_forward);
}

TEST_CASE("an old state stays readable with its own time: the loop's timeout judges it") {
  SlotRobot robot(kChannels);
  RobotState state;
  CHECK(robot.read(100, state) == RobotStatus::silent);
  robot.push_state(50, std::vector{0.1, 0.2});
  CHECK(robot.read(100, state) == RobotStatus::ok);
  CHECK(robot.read(1'000'000, state) == RobotStatus::ok);
  CHECK(state.time_ns == 50);
  CHECK(state.position[1] == 0.2);
}

TEST_CASE("a state that is not newer is refused and counted") {
  SlotRobot robot(kChannels);
  CHECK(robot.push_state(50, std::vector{0.1, 0.2}));
  CHECK_FALSE(robot.push_state(50, std::vector{9.0, 9.0}));
  CHECK_FALSE(robot.push_state(49, std::vector{9.0, 9.0}));
  RobotState state;
  CHECK(robot.read(100, state) == RobotStatus::ok);
  CHECK(state.position[0] == 0.1);
  CHECK(robot.counts()[0].count == 2);
}

TEST_CASE("a command is taken once, and none after the drop") {
  SlotRobot robot(kChannels);
  std::vector<double> command(2);
  CHECK_FALSE(robot.take_command(command));
  CHECK(robot.write(std::vector{1.0, 2.0}) == RobotStatus::ok);
  CHECK(robot.take_command(command));
  CHECK(command[1] == 2.0);
  CHECK_FALSE(robot.take_command(command));
  CHECK(robot.write(std::vector{3.0, 4.0}) == RobotStatus::ok);
  robot.drop();
  CHECK(robot.dropped());
  CHECK_FALSE(robot.take_command(command));
  CHECK(robot.write(std::vector{5.0, 6.0}) == RobotStatus::rejected);
  CHECK_THROWS_WITH_AS(robot.start(), doctest::Contains("was dropped"), DeviceError);
}

TEST_CASE("a driver's end is silence, with its words for the report and for the next start") {
  SlotRobot robot(kChannels);
  robot.push_state(50, std::vector{0.1, 0.2});
  robot.end("read() raised ValueError: no");
  robot.end("closed");
  RobotState state;
  CHECK(robot.read(100, state) == RobotStatus::silent);
  CHECK(robot.write(std::vector{1.0, 2.0}) == RobotStatus::silent);
  CHECK(robot.counts().back().what == "read() raised ValueError: no");
  CHECK_THROWS_WITH_AS(robot.start(), doctest::Contains("read() raised ValueError: no"), DeviceError);
}

TEST_CASE("wrong sizes are refused in a sentence") {
  CHECK_THROWS_AS(SlotRobot({}), DeviceError);
  CHECK_THROWS_WITH_AS(SlotRobot(std::vector<RobotChannel>(33, {"joint", "rad"})), doctest::Contains("has 33"),
                       DeviceError);
  SlotRobot robot(kChannels);
  CHECK_THROWS_WITH_AS(robot.push_state(1, std::vector{0.0}), doctest::Contains("1 positions"), DeviceError);
}
