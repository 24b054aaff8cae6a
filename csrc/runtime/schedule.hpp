// When to ask the policy, and from which instant its answer counts.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/clock.hpp"
#include "runtime/splice.hpp"

namespace retain {

enum class Strategy : std::uint8_t {
  sync,        ///< play `execute_rows` rows, hold, look, ask, wait, go on: how the policy is evaluated in PyTorch
  async,       ///< ask while the running chunk plays; of the answer, drop what is past by the time that really went by
  ensemble,    ///< as async, and play the weighted mean of all chunks that speak about an instant (ACT)
  rtc_guided,  ///< as async, and guide the flow towards the running chunk
  rtc_prefix,  ///< as async, and let the flow go on from the rows that will have begun
};

const char* to_string(Strategy strategy) noexcept;

Splice splice_of(Strategy strategy) noexcept;

/// What the schedule knows about the last chunk.
struct Schedule {
  Strategy strategy = Strategy::async;
  std::size_t horizon = 1;       ///< H
  std::size_t execute_rows = 1;  ///< s: rows played between two requests
  Nanoseconds dt_ns = 0;
  std::size_t max_trained_delay = 0;  ///< d_max: rows that the policy was trained to continue; for rtc_prefix

  /// The earliest time of the next observation, given the chunk that was asked for last.
  /// sync: when its s rows are played. Otherwise: s rows after its own observation.
  [[nodiscard]] Nanoseconds next_observation_ns(Nanoseconds observed_ns, Nanoseconds start_ns) const noexcept {
    return (strategy == Strategy::sync ? start_ns : observed_ns) + static_cast<Nanoseconds>(execute_rows) * dt_ns;
  }

  /// When the first row of an answer begins. At the observation, so rows whose time passed during inference are skipped
  /// by the clock itself. An *estimated* delay would skip rows that the robot never played: 21 of 30 from a standstill
  /// in lerobot #4223. sync: now, the robot has been waiting.
  [[nodiscard]] Nanoseconds start_ns(Nanoseconds observed_ns, Nanoseconds published_ns) const noexcept {
    return strategy == Strategy::sync ? published_ns : observed_ns;
  }

  /// Rows to play before the chunk counts as used up. Beyond s they are the reserve against a late successor.
  [[nodiscard]] std::size_t playable_rows() const noexcept {
    return strategy == Strategy::sync ? execute_rows : horizon;
  }

  /// d = ⌈δ/Δt⌉: rows that begin within a delay.
  [[nodiscard]] std::size_t rows_within(Nanoseconds delay_ns) const noexcept {
    return delay_ns <= 0 ? 0 : static_cast<std::size_t>((delay_ns + dt_ns - 1) / dt_ns);
  }
};

/// @throw ConfigError unless 1 ≤ s ≤ H and dt > 0; every strategy but sync needs a reserve (s < H), and rtc_prefix a
/// policy that was trained with delays. The sentence has the numbers.
void check_schedule(const Schedule& schedule);

/// Whether a policy that takes this long can keep the arm moving: d ≤ s ≤ H − d, and d ≤ d_max for rtc_prefix.
/// @throw ConfigError with the numbers and what would fit
void check_feasible(const Schedule& schedule, Nanoseconds latency_ns);

}  // namespace retain
