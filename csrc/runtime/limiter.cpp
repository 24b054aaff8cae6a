#include "runtime/limiter.hpp"

#include <algorithm>
#include <cmath>

#include "error.hpp"

namespace retain {

namespace {

// Of a channel's unit: a stop this near to its target is on it, and what this little differs was not limited.
constexpr double kOnTarget = 1e-13;
constexpr double kUnchanged = 1e-9;
constexpr int kSecantSteps = 24;
constexpr int kHalvings = 30;

ProfileLimits profile(const ChannelLimits& limit) noexcept {
  return {.acceleration = limit.acceleration, .jerk = limit.jerk};
}

JointMotion between(const JointMotion& from, const JointMotion& to, double share) noexcept {
  return {.position = from.position + share * (to.position - from.position),
          .velocity = from.velocity + share * (to.velocity - from.velocity),
          .acceleration = from.acceleration + share * (to.acceleration - from.acceleration)};
}

/// Whether braking from a motion keeps to every limit: the stop inside the bounds, and the speed that is reached while
/// the acceleration is taken back.
bool can_brake(const JointMotion& motion, const ChannelLimits& limit) noexcept {
  const double v = motion.velocity;
  const double a = motion.acceleration;
  if (std::abs(v + a * std::abs(a) / (2.0 * limit.jerk)) > limit.velocity) return false;
  const Reach reach = stop_reach(v, a, profile(limit));
  return motion.position + reach.high <= limit.position_max && motion.position + reach.low >= limit.position_min;
}

}  // namespace

Limiter::Limiter(std::vector<ChannelLimits> limits, double period_s)
    : limits_(std::move(limits)), counts_(limits_.size()), period_s_(period_s) {
  if (!std::isfinite(period_s_) || period_s_ <= 0.0) throw ConfigError("the tick's period must be positive");
  if (limits_.size() > kMaxChannels) {
    throw ConfigError("the robot has " + std::to_string(limits_.size()) + " channels; the loop drives up to " +
                      std::to_string(kMaxChannels));
  }
  for (const ChannelLimits& limit : limits_) check_limits(limit);
}

void Limiter::reset(std::span<const double> position) noexcept {
  for (std::size_t c = 0; c < limits_.size(); ++c) {
    // NaN fails both comparisons inside std::clamp and would pass through it, hence the explicit check.
    const double start = std::isfinite(position[c]) ? position[c] : limits_[c].position_min;
    command_[c] = std::clamp(start, limits_[c].position_min, limits_[c].position_max);
    motion_[c] = {.position = command_[c]};
    target_velocity_[c] = 0.0;
  }
  former_command_ = command_;
  former_motion_ = motion_;
}

void Limiter::follow(std::span<const double> position, std::span<const double> velocity, double speed_scale) noexcept {
  former_command_ = command_;
  former_motion_ = motion_;
  // Written so that a NaN counts as 0.
  const double scale = speed_scale > 0.0 ? std::min(speed_scale, 1.0) : 0.0;
  for (std::size_t c = 0; c < limits_.size(); ++c) {
    const ChannelLimits& limit = limits_[c];
    const bool moves = limit.interpolation == Interpolation::linear;
    LimiterCounts& count = counts_[c];
    if (!std::isfinite(position[c])) {
      ++count.nonfinite;
      target_velocity_[c] = 0.0;
      if (moves) move(c, braked(motion_[c], profile(limit)));
      continue;
    }
    const double target = std::clamp(position[c], limit.position_min, limit.position_max);
    if (target != position[c]) ++count.position;
    if (!moves) {
      command_[c] = target;
      continue;
    }
    const JointMotion& here = motion_[c];
    const double step = target - here.position;
    const double speed = scale * limit.velocity;
    MovingTarget goal{.position = target};
    if (std::isfinite(velocity[c])) goal.velocity = std::clamp(velocity[c], -speed, speed);
    // A target whose speed jumps (at a row's end) does not accelerate; one whose speed changes gently does.
    const double gained = (goal.velocity - target_velocity_[c]) / period_s_;
    if (std::abs(gained) <= limit.acceleration / 2.0) goal.acceleration = gained;
    target_velocity_[c] = goal.velocity;
    const bool too_fast = std::abs(step) > limit.velocity * period_s_ * (1.0 + kUnchanged);
    const bool too_sudden =
        std::abs(step - here.velocity * period_s_) > limit.acceleration * period_s_ * period_s_ * (1.0 + kUnchanged);
    move(c, safe(here, towards(here, goal, speed, profile(limit)), limit));
    if (std::abs(command_[c] - target) <= kUnchanged) continue;
    ++(too_fast ? count.velocity : too_sudden ? count.acceleration : count.jerk);
  }
}

JointMotion Limiter::towards(const JointMotion& here, const MovingTarget& goal, double speed,
                             const ProfileLimits& limits) const noexcept {
  // In the frame that moves with the target: where would the joint stop if it began now to take on the target's motion?
  // Short of the target it may be faster, past it it must be slower. The stop is where it should be, on the target, for
  // one motion between the two, found by the regula falsi (Illinois): the stop moves monotonically between them.
  const double T = period_s_;
  const ProfileLimits relative{.acceleration = limits.acceleration - std::abs(goal.acceleration), .jerk = limits.jerk};
  const auto miss = [&](const JointMotion& end) {
    return end.position - goal.position +
           stop_displacement(end.velocity - goal.velocity, end.acceleration - goal.acceleration, relative);
  };
  const JointMotion apart{.position = here.position - goal.position + T * (goal.velocity - T * goal.acceleration / 2.0),
                          .velocity = here.velocity - goal.velocity + T * goal.acceleration,
                          .acceleration = here.acceleration - goal.acceleration};
  const JointMotion closed = SpeedProfile(apart.velocity, apart.acceleration, 0.0, relative).after(apart, T);
  const JointMotion matching{.position = goal.position + closed.position,
                             .velocity = goal.velocity + closed.velocity,
                             .acceleration = goal.acceleration + closed.acceleration};
  double near_miss = miss(matching);
  if (std::abs(near_miss) <= kOnTarget) return matching;
  const double full_speed = near_miss < 0.0 ? speed : -speed;
  const JointMotion full = SpeedProfile(here.velocity, here.acceleration, full_speed, limits).after(here, T);
  double far_miss = miss(full);
  if (std::signbit(far_miss) == std::signbit(near_miss)) return full;
  double near_share = 0.0;
  double far_share = 1.0;
  bool moved_near = false;
  for (int i = 0; i < kSecantSteps; ++i) {
    const double share = near_share + (far_share - near_share) * near_miss / (near_miss - far_miss);
    const JointMotion middle = between(matching, full, share);
    const double middle_miss = miss(middle);
    if (std::abs(middle_miss) <= kOnTarget) return middle;
    if (std::signbit(middle_miss) == std::signbit(near_miss)) {
      near_share = share;
      near_miss = middle_miss;
      if (moved_near) far_miss /= 2.0;
      moved_near = true;
    } else {
      far_share = share;
      far_miss = middle_miss;
      if (!moved_near && i > 0) near_miss /= 2.0;
      moved_near = false;
    }
  }
  return between(matching, full, near_share);
}

JointMotion Limiter::braked(const JointMotion& here, const ProfileLimits& limits) const noexcept {
  return SpeedProfile(here.velocity, here.acceleration, 0.0, limits).after(here, period_s_);
}

JointMotion Limiter::safe(const JointMotion& here, const JointMotion& wanted,
                          const ChannelLimits& limit) const noexcept {
  const double furthest = limit.velocity * period_s_;
  const auto fits = [&](const JointMotion& end) {
    return std::abs(end.position - here.position) <= furthest && can_brake(end, limit);
  };
  if (fits(wanted)) return wanted;
  const JointMotion braking = braked(here, profile(limit));
  double good = 0.0;
  double bad = 1.0;
  for (int i = 0; i < kHalvings; ++i) {
    const double share = 0.5 * (good + bad);
    (fits(between(braking, wanted, share)) ? good : bad) = share;
  }
  return between(braking, wanted, good);
}

void Limiter::brake() noexcept {
  for (std::size_t c = 0; c < limits_.size(); ++c) {
    target_velocity_[c] = 0.0;
    if (limits_[c].interpolation == Interpolation::linear) move(c, braked(motion_[c], profile(limits_[c])));
  }
}

void Limiter::move(std::size_t c, const JointMotion& motion) noexcept {
  motion_[c] = motion;
  // Against rounding alone: a safe motion stays inside.
  command_[c] = std::clamp(motion.position, limits_[c].position_min, limits_[c].position_max);
}

bool Limiter::at_rest() const noexcept {
  return std::all_of(motion_.begin(), motion_.begin() + static_cast<std::ptrdiff_t>(limits_.size()),
                     [](const JointMotion& m) { return m.velocity == 0.0 && m.acceleration == 0.0; });
}

void Limiter::stop_position(std::span<double> position) const noexcept {
  for (std::size_t c = 0; c < limits_.size(); ++c) {
    position[c] = command_[c] + stop_displacement(motion_[c].velocity, motion_[c].acceleration, profile(limits_[c]));
  }
}

void Limiter::undo() noexcept {
  command_ = former_command_;
  motion_ = former_motion_;
}

}  // namespace retain
