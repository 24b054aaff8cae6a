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

Verdict Admission::judge(Chunk& chunk) noexcept {
  for (const double value : chunk.planned) {
    if (!std::isfinite(value)) return Verdict::not_finite;
  }
  const double dt_s = to_s(chunk.dt_ns);
  for (std::size_t c = 0; c < chunk.channels; ++c) {
    const ChannelLimits& limit = limits_[c];
    const double reach = limit.velocity * dt_s;
    for (std::size_t row = 0; row < chunk.rows; ++row) {
      double& value = chunk.planned[row * chunk.channels + c];
      if (value < limit.position_min || value > limit.position_max) {
        if (rules_.out_of_bounds == OnViolation::reject) return Verdict::out_of_bounds;
        value = std::clamp(value, limit.position_min, limit.position_max);
        ++counts_[c].position;
      }
      if (row == 0 || limit.interpolation == Interpolation::hold) continue;
      const double before = chunk.planned[(row - 1) * chunk.channels + c];
      if (std::abs(value - before) > reach * kSlack) {
        if (rules_.too_fast == OnViolation::reject) return Verdict::too_fast;
        value = before + std::copysign(reach, value - before);
        ++counts_[c].velocity;
      }
    }
  }
  return Verdict::admitted;
}

}  // namespace retain
