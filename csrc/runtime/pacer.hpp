// Periodic wake-ups on absolute time: a late tick skips whole periods and keeps its phase.
#pragma once

#include <cstdint>

#include "runtime/clock.hpp"

namespace retain {

/// One wake-up.
struct Wake {
  Nanoseconds due_ns = 0;
  Nanoseconds now_ns = 0;     ///< when the thread really woke; now − due is the lateness
  std::uint64_t skipped = 0;  ///< whole periods that passed unserved since the last wake-up
};

/// Wakes at start + k·period. Drift cannot accumulate: due times come from the start, never from "now".
class Pacer {
 public:
  Pacer(Nanoseconds start_ns, Nanoseconds period_ns) : due_ns_(start_ns), period_ns_(period_ns) {}

  /// Sleeps to the next due time. If a whole period or more has already gone by (a long body, a stolen core), those
  /// periods are skipped, not served in a burst: ticks that are made up for would command old targets at full speed.
  Wake wait(Clock& clock) noexcept {
    due_ns_ += period_ns_;
    Wake wake;
    const Nanoseconds behind_ns = clock.now_ns() - due_ns_;
    if (behind_ns >= period_ns_) {
      wake.skipped = static_cast<std::uint64_t>(behind_ns / period_ns_);
      due_ns_ += static_cast<Nanoseconds>(wake.skipped) * period_ns_;
    }
    clock.sleep_until(due_ns_);
    wake.due_ns = due_ns_;
    wake.now_ns = clock.now_ns();
    return wake;
  }

 private:
  Nanoseconds due_ns_;
  Nanoseconds period_ns_;
};

}  // namespace retain
