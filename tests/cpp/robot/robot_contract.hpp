// What any Robot must keep to, as doctest checks. Put yours through it: check_robot_contract({.make = [] { ... }}).
#pragma once

#include <doctest.h>

#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "allocation_count.hpp"
#include "robot/robot.hpp"

namespace retain::testing {

struct RobotContract {
  /// A robot that is not started. Called twice: the second one is dropped.
  std::function<std::shared_ptr<Robot>()> make;
  std::chrono::milliseconds period{5};
  int ticks = 40;
  std::chrono::seconds patience{10};  ///< for the first state after start()
};

namespace detail {

inline std::int64_t monotonic_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

inline RobotState first_state(Robot& robot, const RobotContract& contract) {
  RobotState state;
  const auto deadline = std::chrono::steady_clock::now() + contract.patience;
  while (robot.read(monotonic_ns(), state) != RobotStatus::ok && std::chrono::steady_clock::now() < deadline) {
    if (!robot.paces()) std::this_thread::sleep_for(contract.period);
  }
  REQUIRE_MESSAGE(state.time_ns > 0, "no state came after start()");
  return state;
}

inline void check_channels(const Robot& robot) {
  const std::vector<RobotChannel>& channels = robot.channels();
  CHECK(!channels.empty());
  CHECK(channels.size() <= kMaxChannels);
  std::set<std::string> names;
  for (const RobotChannel& channel : channels) {
    CHECK_MESSAGE(!channel.name.empty(), "a channel has no name");
    CHECK_MESSAGE(!channel.unit.empty(), "channel " << channel.name << " has no unit");
    CHECK_MESSAGE(names.insert(channel.name).second, "two channels are called " << channel.name);
  }
}

/// Ticks that tell the arm to stay where it stands.
inline void hold_still(Robot& robot, const RobotContract& contract) {
  const std::size_t channels = robot.channels().size();
  RobotState state = first_state(robot, contract);
  const std::vector<double> stay(state.position.begin(),
                                 state.position.begin() + static_cast<std::ptrdiff_t>(channels));
  const std::int64_t begun_ns = state.time_ns;
  std::uint64_t allocations = 0;
  for (int tick = 0; tick < contract.ticks; ++tick) {
    if (!robot.paces()) std::this_thread::sleep_for(contract.period);
    const std::int64_t before_ns = state.time_ns;
    const std::int64_t now_ns = monotonic_ns();
    AllocationCount counted;
    const RobotStatus read = robot.read(now_ns, state);
    const RobotStatus written = robot.write(stay);
    allocations += counted.stop();
    CHECK((read == RobotStatus::ok || read == RobotStatus::silent));
    CHECK((written == RobotStatus::ok || written == RobotStatus::silent));
    CHECK_MESSAGE(state.time_ns >= before_ns, "the state's time went back");
    CHECK_MESSAGE(state.time_ns <= monotonic_ns(), "a state from the future: is its time CLOCK_MONOTONIC?");
    for (std::size_t c = 0; c < channels; ++c) {
      CHECK_MESSAGE(std::isfinite(state.position[c]), "channel " << robot.channels()[c].name << " is not finite");
    }
  }
  CHECK_MESSAGE(state.time_ns > begun_ns, "the state's time stood still");
  CHECK_MESSAGE(allocations == 0, "read() and write() allocated " << allocations << " times");
}

}  // namespace detail

inline void check_robot_contract(const RobotContract& contract) {
  {
    const std::shared_ptr<Robot> robot = contract.make();
    detail::check_channels(*robot);
    for (int run = 0; run < 2; ++run) {
      robot->start();
      detail::hold_still(*robot, contract);
      robot->stop();
    }
    for (const RobotCount& count : robot->counts()) CHECK(!count.what.empty());
    robot->stop();  // once more does no harm
  }
  const std::shared_ptr<Robot> robot = contract.make();
  robot->start();
  const RobotState state = detail::first_state(*robot, contract);
  const std::span<const double> stay(state.position.data(), robot->channels().size());
  AllocationCount counted;
  robot->drop();
  robot->drop();
  CHECK_MESSAGE(counted.stop() == 0, "drop() allocated");
  CHECK_MESSAGE(robot->write(stay) != RobotStatus::ok, "a command was taken after drop()");
  robot->stop();
}

}  // namespace retain::testing
