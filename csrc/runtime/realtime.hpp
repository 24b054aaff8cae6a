// What the operating system grants the tick thread: priority, locked memory, a core of its own, exact timers, cores
// that stay awake.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace retain {

/// What to ask for.
struct RealtimeRequest {
  /// SCHED_FIFO priority, 1 … 99, and cores that do not fall asleep meanwhile; none: stay in the normal class.
  std::optional<int> priority;
  std::optional<int> cpu;   ///< core to run on; none: any
  bool lock_memory = true;  ///< mlockall: no page fault on the tick
};

/// One thing asked for, and what came of it. Nothing is dropped silently: the report prints these.
struct RealtimeGrant {
  std::string what;
  bool granted = false;
  std::string reason;  ///< why not, and what mends it; empty when granted
};

/// Applies the request to the calling thread. Never throws: a robot on a desk runs without a real-time kernel, but says
/// so.
std::vector<RealtimeGrant> request_realtime(const RealtimeRequest& request);

/// Undoes what outlives the thread (locked memory, awake cores), for a process that lives on after the loop.
void release_realtime(const std::vector<RealtimeGrant>& grants) noexcept;

}  // namespace retain
