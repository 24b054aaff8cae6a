// What users run first: does the arm answer in time, do frames come, before any policy and without any motion.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "camera/camera.hpp"
#include "robot/robot.hpp"
#include "runtime/realtime.hpp"
#include "runtime/run_report.hpp"

namespace retain {

struct CameraCommunication {
  std::string role;
  std::uint64_t frames = 0;
  LatencySummary interval;  ///< between the sensor times of successive frames
  LatencySummary age;       ///< from the sensor time to the moment the frame was there
};

struct CommunicationReport {
  double duration_s = 0.0;
  std::uint64_t ticks = 0;
  std::uint64_t skipped = 0;  ///< periods lost
  std::uint64_t states = 0;   ///< new ones
  std::uint64_t commands = 0;
  LatencySummary lateness;        ///< of the wake-ups
  LatencySummary device;          ///< read() and write() together
  LatencySummary state_interval;  ///< between the times of successive states
  LatencySummary state_age;       ///< at every tick
  std::vector<CameraCommunication> cameras;
  std::vector<RobotCount> counts;
  std::vector<RealtimeGrant> realtime;
};

/// Starts the arm, tells it at the loop's rate to stay where it stands, watches all cameras meanwhile, and lets go.
/// Robot and cameras get the threads that the loop would give them.
/// @param interrupted asked about twenty times a second on the calling thread; true ends the check early
/// @throw ConfigError if rate or duration are impossible
/// @throw DeviceError if a device cannot be opened, gives no state, stops, or refuses the command
CommunicationReport check_communication(Robot& robot, const std::vector<std::shared_ptr<Camera>>& cameras,
                                        double rate_hz, double duration_s, const RealtimeRequest& realtime,
                                        const std::function<bool()>& interrupted);

}  // namespace retain
