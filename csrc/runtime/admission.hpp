// The first gate: a whole chunk is judged before any of it moves the robot.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/chunk.hpp"
#include "runtime/limits.hpp"

namespace retain {

/// What to do with a chunk that breaks a rule it could be bent to.
enum class OnViolation : std::uint8_t { clamp, reject };

struct AdmissionRules {
  OnViolation out_of_bounds = OnViolation::clamp;
  OnViolation too_fast = OnViolation::clamp;  ///< from row to row
  // A chunk cannot be bent to these two without changing what it means: `clamp` counts, and the limiter sees to it.
  OnViolation seam = OnViolation::clamp;       ///< from the command in force to the first row that plays
  OnViolation too_jerky = OnViolation::clamp;  ///< over four rows
};

enum class Verdict : std::uint8_t { admitted, not_finite, out_of_bounds, too_fast, seam, too_jerky };

/// Values per channel that broke a rule, over all admitted chunks.
struct AdmissionCounts {
  std::uint64_t position = 0;
  std::uint64_t velocity = 0;
  std::uint64_t seam = 0;
  std::uint64_t jerk = 0;
};

/// Where a chunk meets the motion that is under way.
struct Seam {
  std::size_t row = 0;      ///< the first row that will play; rows before it never move the robot
  ChannelValues command{};  ///< in force now
  double room_s = 0.0;      ///< until that row is due
};

/// Checks and, where the rules say so, bends `chunk.planned`. Order: finiteness of the whole chunk first (std::clamp
/// keeps a NaN, and fmax(lo, fmin(x, hi)) turns it into full scale), bounds, the seam, the speed from row to row, the
/// jerk. Advice: what gets through is still bound by the limiter on every tick.
class Admission {
 public:
  Admission(std::vector<ChannelLimits> limits, AdmissionRules rules);

  /// On a verdict other than `admitted` the chunk must not be played; its contents are unspecified.
  [[nodiscard]] Verdict judge(Chunk& chunk, const Seam& seam) noexcept;

  [[nodiscard]] std::span<const AdmissionCounts> counts() const noexcept { return counts_; }

 private:
  [[nodiscard]] Verdict judge_channel(Chunk& chunk, std::size_t channel, const Seam& seam) noexcept;

  std::vector<ChannelLimits> limits_;
  AdmissionRules rules_;
  std::vector<AdmissionCounts> counts_;
};

}  // namespace retain
