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
  OnViolation too_fast = OnViolation::clamp;
};

enum class Verdict : std::uint8_t { admitted, not_finite, out_of_bounds, too_fast };

/// Values changed per channel, over all admitted chunks.
struct AdmissionCounts {
  std::uint64_t position = 0;
  std::uint64_t velocity = 0;
};

/// Checks and, where the rules say so, bends `chunk.planned`. Order: finiteness of the whole chunk first (std::clamp
/// keeps a NaN, and fmax(lo, fmin(x, hi)) turns it into full scale), bounds, then the speed from row to row.
class Admission {
 public:
  Admission(std::vector<ChannelLimits> limits, AdmissionRules rules);

  /// On a verdict other than `admitted` the chunk must not be played; its contents are unspecified.
  [[nodiscard]] Verdict judge(Chunk& chunk) noexcept;

  [[nodiscard]] std::span<const AdmissionCounts> counts() const noexcept { return counts_; }

 private:
  std::vector<ChannelLimits> limits_;
  AdmissionRules rules_;
  std::vector<AdmissionCounts> counts_;
};

}  // namespace retain
