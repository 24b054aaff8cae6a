// The bodies of the loop's threads.
#pragma once

#include <future>
#include <memory>
#include <vector>

#include "runtime/loop.hpp"

namespace retain {

/// Starts the robot, arms, then ticks until the controller says that there is nothing left to do. Fulfils `grants`
/// before the first tick, or passes it the exception of Robot::start() or Controller::arm(). Stops the robot at the
/// end.
void run_tick(std::shared_ptr<LoopParts> parts, std::promise<std::vector<RealtimeGrant>> grants);

/// Asks the policy whenever the schedule says so, and keeps it warm while there is nothing to ask.
void run_inference(std::shared_ptr<LoopParts> parts);

/// Empties the flight recorder's ring.
void run_recorder(std::shared_ptr<LoopParts> parts);

}  // namespace retain
