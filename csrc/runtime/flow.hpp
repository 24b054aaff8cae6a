// The denoising loop of a flow-matching policy, between two calls of the engine.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/engine.hpp"
#include "runtime/splice.hpp"

namespace retain {

/// Integrates dx/dt = v(x, t) from noise (t = 0) to an action chunk (t = 1) with n Euler steps:
/// x ← x + v(x, i/n)/n, i = 0 … n − 1. One flow time per row: the committed rows of `prefix` are clean, at t = 1,
/// throughout.
class FlowSampler {
 public:
  /// @throw ConfigError if steps is 0.
  FlowSampler(std::size_t horizon, std::size_t action_channels, std::size_t steps);

  /// @param seed, chunk name the noise (noise.hpp)
  /// @param continuation the running chunk; its left-over must have the chunk's size unless its splice is `none`
  /// @return the normalized chunk [horizon · action_channels], valid until the next call
  /// @throw EngineError from the engine
  std::span<const float> sample(Engine& engine, std::uint64_t seed, std::uint64_t chunk,
                                const Continuation& continuation = {});

 private:
  std::size_t steps_;
  std::vector<float> x_;
  std::vector<float> t_;
  std::vector<float> velocity_;
  std::vector<float> weights_;
};

}  // namespace retain
