// The loop's configuration as plain values. Python parses and validates it (retain.runtime.configuration, loop_config).
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "record/recording.hpp"
#include "runtime/action_codec.hpp"
#include "runtime/admission.hpp"
#include "runtime/inference.hpp"
#include "runtime/limits.hpp"
#include "runtime/realtime.hpp"
#include "runtime/schedule.hpp"
#include "runtime/workspace.hpp"

namespace retain {

/// Names are the robot's; order does not matter anywhere, everything is matched by name.
struct LoopConfig {
  double rate_hz = 500.0;
  double duration_s = 0.0;  ///< 0: until somebody stops it
  Strategy strategy = Strategy::async;
  double dt_s = 0.1;                  ///< of a chunk's row
  std::size_t execute_rows = 1;       ///< rows played between two requests
  std::size_t flow_steps = 1;         ///< not looked at where the engine regresses
  std::size_t max_trained_delay = 0;  ///< rows; of the bundle
  double guidance_limit = 5.0;        ///< β of rtc_guided
  double ensemble_decay = 0.01;       ///< m of ensemble
  double overlap_share = 1.0;         ///< async: weight of a new chunk where it overlaps the running one
  std::uint64_t seed = 0;

  std::vector<StateChannel> state;      ///< in the policy's order
  std::vector<ActionChannel> action;    ///< in the policy's order
  std::size_t row_width = 0;            ///< columns of the policy's rows; 0: as many as action channels
  std::vector<ChannelLimits> limits;    ///< one per robot channel
  std::vector<double> following_error;  ///< greatest |command − measured|, in the order of `limits`
  Instruction instruction;
  AdmissionRules admission;

  double max_frame_age_s = 0.0;
  double state_timeout_s = 0.0;
  double inference_timeout_s = 0.0;
  double hold_timeout_s = 0.0;
  double start_timeout_s = 0.0;  ///< for the cameras' first frames, and again for the first chunk
  double keep_warm_s = 0.0;      ///< between runs of an idle engine; 0: let it cool
  std::size_t frozen_after = 0;  ///< equal pictures in a row of a noisy camera; 0: not watched
  bool attended = false;         ///< after a fault, hold and wait for a person
  std::optional<Workspace> workspace{};
  double temperature_limit_c = std::numeric_limits<double>::infinity();  ///< of the robot's motors
  double hot_speed = 0.5;  ///< share of the velocity limits while the computer throttles itself
  std::string crash_dump;  ///< file for the last ticks, should the process crash; empty: none
  std::uint64_t rejections_to_stop = 2;
  std::uint64_t overruns_per_s_to_stop = 0;

  RealtimeRequest realtime;
  double log_s = 0.0;  ///< how much of the run's end the flight record keeps
  RecordingConfig recording;
};

}  // namespace retain
