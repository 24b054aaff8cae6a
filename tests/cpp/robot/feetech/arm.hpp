// A driver on an emulated arm, as tests want it: started, and patient enough for a busy machine.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

#include "robot/feetech/emulated_bus.hpp"
#include "robot/feetech/feetech_robot.hpp"

namespace retain::feetech::testing {

inline FeetechConfig config_for(const EmulatedBus& bus, std::vector<Motor> motors = so101_motors()) {
  FeetechConfig config;
  config.port = bus.path();
  config.motors = std::move(motors);
  // Far more than an answer needs: a machine that is busy elsewhere must not look like a silent servo.
  config.margin_s = 1.0;
  return config;
}

inline std::uint64_t count_of(const FeetechRobot& robot, const std::string& what) {
  for (const RobotCount& count : robot.counts()) {
    if (count.what == what) return count.count;
  }
  throw std::out_of_range(what);
}

/// Whether the condition comes true within half a minute.
inline bool soon(const std::function<bool()>& condition) {
  for (int i = 0; i < 3000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace retain::feetech::testing
