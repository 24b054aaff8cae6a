#include "runtime/splice.hpp"

#include <algorithm>
#include <cmath>

namespace retain {

void guidance_weights(std::size_t committed, std::size_t overlap_end, std::span<float> weights) noexcept {
  const auto d = static_cast<double>(committed);
  const auto e = static_cast<double>(overlap_end);
  for (std::size_t row = 0; row < weights.size(); ++row) {
    if (row < committed) {
      weights[row] = 1.0F;
    } else if (row < overlap_end) {
      const double c = (e - static_cast<double>(row)) / (e - d + 1.0);
      weights[row] = static_cast<float>(c * std::expm1(c) / std::expm1(1.0));
    } else {
      weights[row] = 0.0F;
    }
  }
}

float guidance_strength(float tau, float limit) noexcept {
  if (!(tau > 0.0F)) return limit;
  const float left = 1.0F - tau;
  // (1 − τ)/(τ·r²) = (τ² + (1 − τ)²)/(τ·(1 − τ)), which grows without bound towards both ends.
  return left > 0.0F ? std::min(limit, (tau * tau + left * left) / (tau * left)) : limit;
}

void guide(std::span<const float> x, std::span<const float> left_over, std::span<const float> weights, float tau,
           float limit, std::span<float> velocity) noexcept {
  const float strength = guidance_strength(tau, limit);
  const std::size_t channels = x.size() / weights.size();
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float weight = weights[i / channels];
    if (weight == 0.0F) continue;  // what lies beyond the overlap must not matter, not even as 0 · NaN
    const float clean = x[i] + (1.0F - tau) * velocity[i];
    velocity[i] += strength * weight * (left_over[i] - clean);
  }
}

}  // namespace retain
