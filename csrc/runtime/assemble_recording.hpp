// How much memory a recording needs, and what the file's head says about the loop.
#pragma once

#include <memory>
#include <vector>

#include "engine/engine.hpp"
#include "record/flight_tape.hpp"
#include "runtime/loop_config.hpp"

namespace retain {

/// Rings, black box and file for a run.
/// @param limits that the limiter will hold, in the robot's order
/// @return nullptr where the configuration asks for no recording
std::unique_ptr<FlightTape> assemble_recording(const LoopConfig& config, const EngineInfo& info,
                                               const std::vector<RobotChannel>& channels,
                                               const std::vector<ChannelLimits>& limits);

}  // namespace retain
