// When to ask the policy, and from which instant its answer counts.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/clock.hpp"

namespace retain {

enum class Strategy : std::uint8_t {
  sync,   ///< play `execute_rows` rows, hold, look, ask, wait, go on: how the policy is evaluated in PyTorch
  async,  ///< ask while the running chunk plays; of the answer, drop what is past by the time that really went by
};

/// What the schedule knows about the last chunk.
struct Schedule {
  Strategy strategy = Strategy::async;
  std::size_t horizon = 1;       ///< H
  std::size_t execute_rows = 1;  ///< s: rows played between two requests
  Nanoseconds dt_ns = 0;

  /// The earliest time of the next observation, given the chunk that was asked for last.
  /// sync: when its s rows are played. async: s rows after its own observation.
  [[nodiscard]] Nanoseconds next_observation_ns(Nanoseconds observed_ns, Nanoseconds start_ns) const noexcept {
    return (strategy == Strategy::sync ? start_ns : observed_ns) + static_cast<Nanoseconds>(execute_rows) * dt_ns;
  }

  /// When the first row of an answer begins. async: at the observation, so rows whose time passed during inference are
  /// skipped by the clock itself. An *estimated* delay would skip rows that the robot never played: 21 of 30 from a
  /// standstill in lerobot #4223. sync: now, the robot has been waiting.
  [[nodiscard]] Nanoseconds start_ns(Nanoseconds observed_ns, Nanoseconds published_ns) const noexcept {
    return strategy == Strategy::sync ? published_ns : observed_ns;
  }

  /// Rows to play before the chunk counts as used up. In async the rest is the reserve against a late successor.
  [[nodiscard]] std::size_t playable_rows() const noexcept {
    return strategy == Strategy::sync ? execute_rows : horizon;
  }
};

/// @throw ConfigError unless 1 ≤ s ≤ H and dt > 0; async with no reserve (s = H) is refused too, with the numbers.
void check_schedule(const Schedule& schedule);

}  // namespace retain
