// What a run was like, in numbers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "record/recording.hpp"
#include "runtime/controller.hpp"
#include "runtime/inference.hpp"
#include "runtime/realtime.hpp"
#include "runtime/thermal_level.hpp"

namespace retain {

struct LatencySummary {
  std::uint64_t count = 0;
  double mean_s = 0.0;
  double p50_s = 0.0;
  double p99_s = 0.0;
  double p999_s = 0.0;
  double max_s = 0.0;
};

LatencySummary summarize(const LatencyHistogram& histogram) noexcept;

/// What the two gates did to one channel.
struct ChannelReport {
  std::string name;
  LimiterCounts limiter;      ///< in ticks
  AdmissionCounts admission;  ///< in chunk values
};

/// What one camera did.
struct CameraReport {
  std::string role;
  std::uint64_t frames = 0;
  std::uint64_t frozen = 0;
  std::uint64_t losses = 0;
};

struct RunReport {
  State state = State::disarmed;
  Cause cause = Cause::none;
  std::string engine_message;  ///< the engine's own words after an engine error
  double duration_s = 0.0;     ///< from RUNNING to the end
  double command_rate_hz = 0.0;
  double inference_rate_hz = 0.0;
  double action_rate_hz = 0.0;  ///< chunk rows begun per second
  std::uint64_t ticks = 0;
  std::uint64_t overruns = 0;
  std::uint64_t skipped = 0;
  std::uint64_t holds = 0;  ///< times the arm waited at a chunk's end; in sync, once per chunk by design
  LatencySummary lateness;
  LatencySummary body;
  LatencySummary device;
  LatencySummary frame_age;
  LatencySummary inference;
  InferenceStatistics inference_counts;
  std::vector<ChannelReport> channels;
  std::vector<CameraReport> cameras;
  std::vector<RobotCount> robot;  ///< trouble that the robot's driver counted
  std::uint64_t rearmed = 0;
  Heat heat = Heat::normal;  ///< the highest level of the computer's own heat
  std::vector<RealtimeGrant> realtime;
  std::uint64_t records_lost = 0;
  RecordingReport recording;
  bool infer_thread_left_behind = false;  ///< the engine did not come back; the process should end
};

}  // namespace retain
