#include "runtime/speed_profile.hpp"

#include <algorithm>
#include <cmath>

namespace retain {

namespace {

JointMotion moved(const JointMotion& from, double jerk, double time_s) noexcept {
  const double t = time_s;
  return {.position = from.position + t * (from.velocity + t * (from.acceleration / 2.0 + t * jerk / 6.0)),
          .velocity = from.velocity + t * (from.acceleration + t * jerk / 2.0),
          .acceleration = from.acceleration + t * jerk};
}

}  // namespace

SpeedProfile::SpeedProfile(double velocity, double acceleration, double goal, const ProfileLimits& limits) noexcept
    : goal_(goal) {
  const double A = limits.acceleration;
  const double J = limits.jerk;
  // The speed that is left when the acceleration is taken back at once decides the direction.
  const double settled = velocity + acceleration * std::abs(acceleration) / (2.0 * J);
  const double sign = settled <= goal ? 1.0 : -1.0;
  const double w = sign * (goal - velocity);
  const double b = sign * acceleration;
  const double peak = std::sqrt(std::max(J * w + b * b / 2.0, 0.0));
  jerk_ = sign * J;
  if (peak <= A) {
    rise_s_ = std::max((peak - b) / J, 0.0);
    cruise_s_ = 0.0;
    fall_s_ = peak / J;
  } else {
    rise_s_ = std::max((A - b) / J, 0.0);
    cruise_s_ = std::max((w - (2.0 * A * A - b * b) / (2.0 * J)) / A, 0.0);
    fall_s_ = A / J;
  }
}

JointMotion SpeedProfile::after(const JointMotion& start, double time_s) const noexcept {
  const double rise_s = std::min(time_s, rise_s_);
  JointMotion motion = moved(start, jerk_, rise_s);
  if (time_s <= rise_s_) return motion;
  double left_s = time_s - rise_s_;
  const double cruise_s = std::min(left_s, cruise_s_);
  motion = moved(motion, 0.0, cruise_s);
  left_s -= cruise_s;
  if (left_s < fall_s_) return moved(motion, -jerk_, left_s);
  motion = moved(motion, -jerk_, fall_s_);
  return {.position = motion.position + goal_ * (left_s - fall_s_), .velocity = goal_, .acceleration = 0.0};
}

double SpeedProfile::displacement(double velocity, double acceleration) const noexcept {
  JointMotion motion = moved({0.0, velocity, acceleration}, jerk_, rise_s_);
  motion = moved(motion, 0.0, cruise_s_);
  return moved(motion, -jerk_, fall_s_).position;
}

double stop_displacement(double velocity, double acceleration, const ProfileLimits& limits) noexcept {
  return SpeedProfile(velocity, acceleration, 0.0, limits).displacement(velocity, acceleration);
}

Reach stop_reach(double velocity, double acceleration, const ProfileLimits& limits) noexcept {
  const double end = stop_displacement(velocity, acceleration, limits);
  Reach reach{.low = std::min(end, 0.0), .high = std::max(end, 0.0)};
  // The speed changes its sign on the way exactly when taking back the acceleration alone would carry it past zero.
  const double sign = velocity > 0.0 ? 1.0 : -1.0;
  const double v = sign * velocity;
  const double a = sign * acceleration;
  const double under_root = a * a - 2.0 * limits.jerk * v;
  if (v > 0.0 && a < 0.0 && under_root > 0.0) {
    const double turn_s = (-a - std::sqrt(under_root)) / limits.jerk;
    const double turn = sign * moved({0.0, v, a}, limits.jerk, turn_s).position;
    reach.low = std::min(reach.low, turn);
    reach.high = std::max(reach.high, turn);
  }
  return reach;
}

}  // namespace retain
