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
  LatencySummary body;                        ///< without the robot's read and write
  std::vector<LatencyCount> lateness_counts;  ///< the distribution itself
  std::vector<LatencyCount> body_counts;
  double duration_s = 0.0;
  std::uint64_t ticks = 0;
  std::uint64_t chunks = 0;   ///< published
  std::uint64_t actions = 0;  ///< chunk rows begun
  std::uint64_t skipped = 0;
  std::uint64_t page_faults = 0;  ///< of the tick thread while it ticked
  /// Times the tick thread gave its core up by itself. It does so once per tick, to sleep; more means that something on
  /// the tick waited.
  std::uint64_t voluntary_switches = 0;
  std::vector<RealtimeGrant> realtime;
};

/// Ticks a controller in a thread of its own, following chunks that are renewed twice a second. Allocations are not
/// counted here: replacing operator new is a whole process's affair, and this runs in somebody's Python. The C++ test
/// allocation_test.cpp counts them; page faults and voluntary switches of the thread are counted here.
/// @param joints 1 … kMaxChannels
/// @throw ConfigError if joints, rate or duration make no sense
TickBenchmark benchmark_tick(std::size_t joints, double rate_hz, double duration_s, const RealtimeRequest& realtime);

}  // namespace retain
