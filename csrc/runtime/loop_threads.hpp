// The bodies of the loop's threads.
#pragma once

#include <future>
#include <memory>
#include <vector>

#include "runtime/loop.hpp"

namespace retain {

/// Arms, then ticks until the controller says that there is nothing left to do. Fulfils `grants` before the first tick,
/// or passes it the exception of Controller::arm().
void run_tick(std::shared_ptr<LoopParts> parts, std::promise<std::vector<RealtimeGrant>> grants);

/// Asks the policy whenever the schedule says so.
void run_inference(std::shared_ptr<LoopParts> parts);

/// Opens a camera and publishes its frames. Fulfils `opened`, or passes it the exception of Camera::open().
void run_camera(std::shared_ptr<LoopParts> parts, std::size_t index, std::promise<void> opened);

/// Empties the flight recorder's ring.
void run_recorder(std::shared_ptr<LoopParts> parts);

}  // namespace retain
