#include "runtime/admission.hpp"

#include <algorithm>
#include <cmath>

namespace retain {

namespace {

// Rounding of a policy's own arithmetic is no violation.
constexpr double kSlack = 1.0 + 1e-6;

}  // namespace

Admission::Admission(std::vector<ChannelLimits> limits, AdmissionRules rules)
    : limits_(std::move(limits)), rules_(rules), counts_(limits_.size()) {}

Verdict Admission::judge(Chunk& chunk, const Seam& seam) noexcept {
  for (const double value : chunk.planned) {
    if (!std::isfinite(value)) return Verdict::not_finite;
  }
  for (std::size_t c = 0; c < chunk.channels; ++c) {
    const Verdict verdict = judge_channel(chunk, c, seam);
    if (verdict != Verdict::admitted) return verdict;
  }
  return Verdict::admitted;
}

Verdict Admission::judge_channel(Chunk& chunk, std::size_t c, const Seam& seam) noexcept {
  const ChannelLimits& limit = limits_[c];
  const double dt_s = to_s(chunk.dt_ns);
  const auto planned = [&](std::size_t row) -> double& { return chunk.planned[row * chunk.channels + c]; };
  for (std::size_t row = 0; row < chunk.rows; ++row) {
    double& value = planned(row);
    if (value < limit.position_min || value > limit.position_max) {
      if (rules_.out_of_bounds == OnViolation::reject) return Verdict::out_of_bounds;
      value = std::clamp(value, limit.position_min, limit.position_max);
      ++counts_[c].position;
    }
  }
  if (limit.interpolation == Interpolation::hold) return Verdict::admitted;
  if (std::abs(planned(seam.row) - seam.command[c]) > limit.velocity * seam.room_s * kSlack) {
    if (rules_.seam == OnViolation::reject) return Verdict::seam;
    ++counts_[c].seam;
  }
  const double reach = limit.velocity * dt_s;
  for (std::size_t row = 1; row < chunk.rows; ++row) {
    const double before = planned(row - 1);
    const double step = planned(row) - before;
    if (std::abs(step) <= reach * kSlack) continue;
    if (rules_.too_fast == OnViolation::reject) return Verdict::too_fast;
    planned(row) = before + std::copysign(reach, step);
    ++counts_[c].velocity;
  }
  const double bend = limit.jerk * dt_s * dt_s * dt_s * kSlack;
  for (std::size_t row = seam.row + 3; row < chunk.rows; ++row) {
    const double third = planned(row) - 3.0 * planned(row - 1) + 3.0 * planned(row - 2) - planned(row - 3);
    if (std::abs(third) <= bend) continue;
    if (rules_.too_jerky == OnViolation::reject) return Verdict::too_jerky;
    ++counts_[c].jerk;
  }
  return Verdict::admitted;
}

}  // namespace retain
