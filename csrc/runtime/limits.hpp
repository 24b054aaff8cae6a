// What a channel may do. Known to admission (advice on a whole chunk) and to the limiter (law on every tick).
#pragma once

#include <string>
#include <vector>

#include "runtime/sampler.hpp"

namespace retain {

/// Limits of one channel, in its unit. A hold channel jumps by nature and has bounds only.
struct ChannelLimits {
  std::string name;
  Interpolation interpolation = Interpolation::linear;
  double position_min = 0.0;
  double position_max = 0.0;
  double velocity = 0.0;      ///< per second
  double acceleration = 0.0;  ///< per second squared
  double jerk = 0.0;          ///< per second cubed
};

/// @throw ConfigError if a limit is missing, not finite, or leaves no room to move.
void check_limits(const ChannelLimits& limits);

/// How each channel gets from row to row.
std::vector<Interpolation> interpolation_of(const std::vector<ChannelLimits>& limits);

}  // namespace retain
