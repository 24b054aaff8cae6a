// Time for the control loop: CLOCK_MONOTONIC, or a virtual clock that tests move by hand. Wall-clock time is used
// nowhere.
#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>

namespace retain {

using Nanoseconds = std::int64_t;

inline constexpr Nanoseconds kNanosecondsPerSecond = 1'000'000'000;

/// Rounded to the nearest nanosecond.
inline Nanoseconds to_ns(double seconds) {
  return static_cast<Nanoseconds>(std::llround(seconds * static_cast<double>(kNanosecondsPerSecond)));
}

inline double to_s(Nanoseconds ns) { return static_cast<double>(ns) / static_cast<double>(kNanosecondsPerSecond); }

/// A steady time and a way to wait for one of its instants.
class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  [[nodiscard]] virtual Nanoseconds now_ns() const noexcept = 0;

  /// Returns at or after the instant; at once if it has passed.
  virtual void sleep_until(Nanoseconds instant_ns) noexcept = 0;
};

/// CLOCK_MONOTONIC with absolute sleeps: a step of the wall clock can neither freeze nor hurry the robot.
class MonotonicClock final : public Clock {
 public:
  [[nodiscard]] Nanoseconds now_ns() const noexcept override;
  void sleep_until(Nanoseconds instant_ns) noexcept override;
};

/// A clock that stands still until it is told to move; sleeping moves it. For deterministic tests on one thread.
class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(Nanoseconds start_ns) : now_ns_(start_ns) {}

  [[nodiscard]] Nanoseconds now_ns() const noexcept override { return now_ns_.load(std::memory_order_relaxed); }
  void sleep_until(Nanoseconds instant_ns) noexcept override { advance_to(instant_ns); }
  void advance(Nanoseconds by_ns) noexcept { now_ns_.fetch_add(by_ns, std::memory_order_relaxed); }

  /// Moves forward to an instant; never back.
  void advance_to(Nanoseconds instant_ns) noexcept {
    if (instant_ns > now_ns()) now_ns_.store(instant_ns, std::memory_order_relaxed);
  }

 private:
  std::atomic<Nanoseconds> now_ns_;
};

}  // namespace retain
