// A loop's configuration and devices that do what a test tells them, for tests with real threads.
#pragma once

#include <memory>

#include "runtime/loop_config.hpp"
#include "runtime/rig.hpp"
#include "runtime/scripted_devices.hpp"

namespace retain::testing {

inline constexpr double kRate_hz = 200.0;  // slow enough for sanitizers on a busy machine

inline LoopConfig scripted_config() {
  LoopConfig config;
  config.rate_hz = kRate_hz;
  config.duration_s = 0.6;
  config.execute_rows = 8;
  config.flow_steps = 4;
  config.state = {{"b", 0.0, 1.0}, {"a", 0.0, 1.0}, {"cup", 0.0, 1.0}};
  config.action = {{"b", 0.0, 1.0, true}, {"a", 0.0, 1.0, true}, {"cup", 0.0, 1.0, false}};
  config.limits = rig_limits();
  config.following_error = {1e9, 1e9, 1e9};
  config.instruction = {{1, 2}, {1, 1}};
  config.max_frame_age_s = 1.0;
  config.state_timeout_s = 1.0;
  config.inference_timeout_s = 0.3;
  config.hold_timeout_s = 0.2;
  config.start_timeout_s = 2.0;
  config.overruns_per_s_to_stop = 1'000;
  config.realtime = {.priority = {}, .cpu = {}, .lock_memory = false};
  config.log_s = 10.0;
  return config;
}

inline std::shared_ptr<ScriptedRobot> scripted_robot() {
  return std::make_shared<ScriptedRobot>(std::vector<RobotChannel>{{"a", "rad"}, {"b", "rad"}, {"cup", "1"}},
                                         LimitsWatch(rig_limits(), 1.0 / kRate_hz), std::vector<double>{0.0, 0.0, 0.0});
}

// In the policy's order the first channel is b.
inline void push_b(std::uint64_t, std::span<const float>, std::span<float> chunk) {
  for (std::size_t row = 0; row < chunk.size() / 3; ++row) chunk[3 * row] = 0.02F * static_cast<float>(row + 1);
}

inline std::shared_ptr<ScriptedEngine> scripted_engine(ScriptedEngine::Script script = push_b) {
  return std::make_shared<ScriptedEngine>(16, 3, std::move(script));
}

}  // namespace retain::testing
