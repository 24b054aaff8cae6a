#include "runtime/clock.hpp"

#include <ctime>

namespace retain {

Nanoseconds MonotonicClock::now_ns() const noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<Nanoseconds>(now.tv_sec) * kNanosecondsPerSecond + now.tv_nsec;
}

void MonotonicClock::sleep_until(Nanoseconds instant_ns) noexcept {
  const timespec instant{.tv_sec = static_cast<time_t>(instant_ns / kNanosecondsPerSecond),
                         .tv_nsec = static_cast<long>(instant_ns % kNanosecondsPerSecond)};
  // A signal handler may interrupt the sleep; the absolute instant makes going back to sleep exact. The clock itself is
  // asked whether the instant has come: where sleeping fails at once (a broken interposer, a sandbox), the thread
  // spins, it does not run ahead and play the robot's motion at full speed.
  while (now_ns() < instant_ns) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &instant, nullptr);
}

}  // namespace retain
