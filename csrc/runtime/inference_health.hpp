// What the other threads and the operator tell the tick: single words, written and read without waiting.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "runtime/clock.hpp"

namespace retain {

struct InferenceHealth {
  std::atomic<Nanoseconds> request_started_ns{0};  ///< 0: no request in flight
  std::atomic<std::uint64_t> rejected_in_a_row{0};
  std::atomic<std::uint64_t> published{0};
  std::atomic<std::uint64_t> epoch{0};  ///< of the tick: chunks of an earlier one will not be played
  std::atomic<bool> frames_stale{false};
  std::atomic<bool> engine_error{false};
  std::string engine_message;  ///< written before engine_error is set, read after
};

struct OperatorRequests {
  std::atomic<bool> go{false};
  std::atomic<bool> stop{false};
  std::atomic<bool> drop{false};
  std::atomic<bool> rearm{false};  ///< taken back by the tick that has seen it
};

/// What the computer and the cameras are like, from the threads that watch them.
struct Surroundings {
  std::atomic<int> cameras_lost{0};
  std::atomic<double> speed_scale{1.0};  ///< share of the velocity limits that is left, where heat has slowed the arm
  std::atomic<bool> overheated{false};
};

}  // namespace retain
