// The one place where a configuration meets concrete devices and an engine.
#pragma once

#include <memory>
#include <vector>

#include "runtime/loop.hpp"
#include "runtime/loop_config.hpp"

namespace retain {

/// Checks that configuration, robot, cameras and engine fit, matches everything by name, and makes what the threads
/// share.
/// @throw ConfigError with the two sides that do not fit
std::shared_ptr<LoopParts> assemble_parts(const LoopConfig& config, std::shared_ptr<Clock> clock,
                                          std::shared_ptr<Robot> robot,
                                          const std::vector<std::shared_ptr<Camera>>& cameras,
                                          std::shared_ptr<Engine> engine);

/// The same in real time, with its threads.
std::unique_ptr<Loop> assemble(const LoopConfig& config, std::shared_ptr<Robot> robot,
                               const std::vector<std::shared_ptr<Camera>>& cameras, std::shared_ptr<Engine> engine);

}  // namespace retain
