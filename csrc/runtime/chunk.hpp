// A policy's answer as the loop plays it: rows of targets with absolute due times.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "robot/robot.hpp"
#include "runtime/clock.hpp"

namespace retain {

/// Targets for all of the robot's channels, in the robot's order and units. Row k is to be *reached* at
/// start + (k + 1)·dt on CLOCK_MONOTONIC; which row is played follows from the time alone, never from a count of pops.
struct Chunk {
  Chunk() = default;
  Chunk(std::size_t row_count, std::size_t channel_count)
      : rows(row_count),
        channels(channel_count),
        policy(row_count * channel_count),
        planned(row_count * channel_count) {}

  [[nodiscard]] std::span<const double> planned_row(std::size_t row) const noexcept {
    return {planned.data() + row * channels, channels};
  }
  [[nodiscard]] std::span<const double> policy_row(std::size_t row) const noexcept {
    return {policy.data() + row * channels, channels};
  }
  [[nodiscard]] Nanoseconds due_ns(std::size_t row) const noexcept {
    return start_ns + static_cast<Nanoseconds>(row + 1) * dt_ns;
  }

  std::uint64_t id = 0;         ///< counts up from 1; 0 means that there is no chunk yet
  std::uint64_t epoch = 0;      ///< how often the arm had been re-armed when it was asked for
  Nanoseconds observed_ns = 0;  ///< when the observation behind it was taken (sensor time)
  Nanoseconds start_ns = 0;     ///< when its first row begins
  Nanoseconds dt_ns = 0;
  std::size_t rows = 0;           ///< H
  std::size_t playable_rows = 0;  ///< rows to be played before the end; fewer than H where the strategy says so
  std::size_t channels = 0;
  ChannelValues origin{};       ///< row 0 is approached from here: the plan that ran at start, or the command in force
  std::vector<double> policy;   ///< [rows, channels] as the policy said it
  std::vector<double> planned;  ///< [rows, channels] as admission let it pass
};

}  // namespace retain
