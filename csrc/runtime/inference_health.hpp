// What the infer thread and the operator tell the tick: single words, written and read without waiting.
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
  std::atomic<bool> frames_stale{false};
  std::atomic<bool> engine_error{false};
  std::string engine_message;  ///< written before engine_error is set, read after
};

struct OperatorRequests {
  std::atomic<bool> go{false};
  std::atomic<bool> stop{false};
  std::atomic<bool> drop{false};
};

}  // namespace retain
