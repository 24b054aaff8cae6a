// How the tick does on this machine: an arm that is only memory, a real thread, real sleeps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/realtime.hpp"
#include "runtime/run_report.hpp"

namespace retain {

struct TickBenchmark {
  LatencySummary lateness;
  LatencySummary body;  ///< without the robot's read and write
  std::uint64_t skipped = 0;
  std::uint64_t page_faults = 0;  ///< of the tick thread while it ticked
  std::vector<RealtimeGrant> realtime;
};

/// Ticks a controller in a thread of its own, following chunks that are renewed twice a second.
/// @param joints 1 … kMaxChannels
/// @throw ConfigError if joints, rate or duration make no sense
TickBenchmark benchmark_tick(std::size_t joints, double rate_hz, double duration_s, const RealtimeRequest& realtime);

}  // namespace retain
