#include "runtime/flow.hpp"

#include <algorithm>

#include "error.hpp"
#include "runtime/noise.hpp"

namespace retain {

FlowSampler::FlowSampler(std::size_t horizon, std::size_t action_channels, std::size_t steps)
    : steps_(steps),
      x_(horizon * action_channels),
      t_(horizon),
      velocity_(horizon * action_channels),
      weights_(horizon) {
  if (steps == 0) throw ConfigError("a flow policy needs at least one step");
}

std::span<const float> FlowSampler::sample(Engine& engine, std::uint64_t seed, std::uint64_t chunk,
                                           const Continuation& continuation) {
  const bool guided = continuation.splice == Splice::guided;
  // Rows that are given, not computed; everything else is integrated.
  const std::size_t clean_rows = continuation.splice == Splice::prefix ? continuation.committed : 0;
  const std::size_t clean = clean_rows * (x_.size() / t_.size());
  const float step = 1.0F / static_cast<float>(steps_);
  standard_normal(seed, chunk, x_);
  std::copy_n(continuation.left_over.begin(), clean, x_.begin());
  std::fill_n(t_.begin(), clean_rows, 1.0F);
  if (guided) guidance_weights(continuation.committed, continuation.overlap_end, weights_);
  for (std::size_t i = 0; i < steps_; ++i) {
    const float tau = static_cast<float>(i) * step;
    std::fill(t_.begin() + static_cast<std::ptrdiff_t>(clean_rows), t_.end(), tau);
    engine.step(x_, t_, velocity_);
    if (guided) guide(x_, continuation.left_over, weights_, tau, continuation.guidance_limit, velocity_);
    for (std::size_t k = clean; k < x_.size(); ++k) x_[k] += step * velocity_[k];
  }
  return x_;
}

}  // namespace retain
