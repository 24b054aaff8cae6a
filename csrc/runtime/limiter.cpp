#include "runtime/limiter.hpp"

#include <algorithm>
#include <cmath>

#include "error.hpp"

namespace retain {

namespace {

// A command differs from its target by less than this when nothing was limited; it only serves the counters.
constexpr double kUnchanged = 1e-12;

}  // namespace

double braking_speed(double room, double acceleration, double period_s) noexcept {
  if (!(room > 0.0)) return 0.0;
  const double speed_step = acceleration * period_s;
  // S(m·a·T) = a·T²·m·(m + 1)/2 ≤ room gives the number of whole braking steps.
  const double m = std::floor((std::sqrt(1.0 + 8.0 * room / (speed_step * period_s)) - 1.0) / 2.0);
  return (room / period_s + speed_step * m * (m + 1.0) / 2.0) / (m + 1.0);
}

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
    velocity_[c] = 0.0;
  }
}

void Limiter::follow(std::span<const double> position, std::span<const double> velocity) noexcept {
  for (std::size_t c = 0; c < limits_.size(); ++c) {
    const ChannelLimits& limit = limits_[c];
    LimiterCounts& count = counts_[c];
    if (!std::isfinite(position[c])) {
      ++count.nonfinite;
      if (limit.interpolation == Interpolation::linear) move(c, 0.0);
      continue;
    }
    const double target = std::clamp(position[c], limit.position_min, limit.position_max);
    if (target != position[c]) ++count.position;
    if (limit.interpolation == Interpolation::hold) {
      command_[c] = target;
      continue;
    }
    // Chase in the target's own frame: keep its speed u, and close the gap that keeping it would leave after this
    // period, no faster than can be braked to u again. With no gap this is exactly command = target.
    const double u = std::isfinite(velocity[c]) ? std::clamp(velocity[c], -limit.velocity, limit.velocity) : 0.0;
    const double gap = target - (command_[c] + u * period_s_);
    const double closing = braking_speed(std::abs(gap), limit.acceleration, period_s_);
    const double wanted = u + std::copysign(closing, gap);
    const double direct = (target - command_[c]) / period_s_;
    if (std::abs(direct) > limit.velocity * (1.0 + kUnchanged)) {
      ++count.velocity;
    } else if (std::abs(direct - velocity_[c]) > limit.acceleration * period_s_ * (1.0 + 1e-6)) {
      ++count.acceleration;
    }
    move(c, wanted);
  }
}

void Limiter::brake() noexcept {
  for (std::size_t c = 0; c < limits_.size(); ++c) {
    if (limits_[c].interpolation == Interpolation::linear) move(c, 0.0);
  }
}

void Limiter::move(std::size_t c, double wanted_velocity) noexcept {
  const ChannelLimits& limit = limits_[c];
  const double speed_step = limit.acceleration * period_s_;
  const double here = command_[c];
  double v = std::clamp(wanted_velocity, velocity_[c] - speed_step, velocity_[c] + speed_step);
  v = std::clamp(v, -limit.velocity, limit.velocity);
  // The bounds come last. Because the previous command could brake inside them, braking is always among the speeds that
  // pass the lines above, up to rounding.
  v = std::clamp(v, -braking_speed(here - limit.position_min, limit.acceleration, period_s_),
                 braking_speed(limit.position_max - here, limit.acceleration, period_s_));
  command_[c] = std::clamp(here + v * period_s_, limit.position_min, limit.position_max);
  velocity_[c] = v;
}

bool Limiter::at_rest() const noexcept {
  return std::all_of(velocity_.begin(), velocity_.begin() + static_cast<std::ptrdiff_t>(limits_.size()),
                     [](double v) { return v == 0.0; });
}

}  // namespace retain
