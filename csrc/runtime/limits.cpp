#include "runtime/limits.hpp"

#include <cmath>

#include "error.hpp"

namespace retain {

void check_limits(const ChannelLimits& limits) {
  const auto refuse = [&](const std::string& what) {
    throw ConfigError("channel " + limits.name + " " + what +
                      "; give finite limits in the bundle's manifest or the robot's profile");
  };
  if (!std::isfinite(limits.position_min) || !std::isfinite(limits.position_max) ||
      limits.position_min >= limits.position_max) {
    refuse("may move from " + std::to_string(limits.position_min) + " to " + std::to_string(limits.position_max) +
           ", which is no range");
  }
  if (limits.interpolation == Interpolation::hold) return;
  if (!std::isfinite(limits.velocity) || limits.velocity <= 0.0) {
    refuse("has the velocity limit " + std::to_string(limits.velocity) + " per second");
  }
  if (!std::isfinite(limits.acceleration) || limits.acceleration <= 0.0) {
    refuse("has the acceleration limit " + std::to_string(limits.acceleration) + " per second squared");
  }
  if (!std::isfinite(limits.jerk) || limits.jerk <= 0.0) {
    refuse("has the jerk limit " + std::to_string(limits.jerk) + " per second cubed");
  }
}

std::vector<Interpolation> interpolation_of(const std::vector<ChannelLimits>& limits) {
  std::vector<Interpolation> interpolation;
  for (const ChannelLimits& limit : limits) interpolation.push_back(limit.interpolation);
  return interpolation;
}

}  // namespace retain
