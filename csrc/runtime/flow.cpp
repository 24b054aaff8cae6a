#include "runtime/flow.hpp"

#include <algorithm>

#include "error.hpp"
#include "runtime/noise.hpp"

namespace retain {

FlowSampler::FlowSampler(std::size_t horizon, std::size_t action_channels, std::size_t steps)
    : steps_(steps), x_(horizon * action_channels), t_(horizon), velocity_(horizon * action_channels) {
  if (steps == 0) throw ConfigError("a flow policy needs at least one step");
}

std::span<const float> FlowSampler::sample(Engine& engine, std::uint64_t seed, std::uint64_t chunk) {
  standard_normal(seed, chunk, x_);
  const float step = 1.0F / static_cast<float>(steps_);
  for (std::size_t i = 0; i < steps_; ++i) {
    std::fill(t_.begin(), t_.end(), static_cast<float>(i) * step);
    engine.step(x_, t_, velocity_);
    for (std::size_t k = 0; k < x_.size(); ++k) x_[k] += step * velocity_[k];
  }
  return x_;
}

}  // namespace retain
