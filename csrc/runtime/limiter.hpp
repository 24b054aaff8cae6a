// The last gate before the robot: every command obeys position, velocity and acceleration limits, whatever was asked.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "robot/robot.hpp"
#include "runtime/limits.hpp"

namespace retain {

/// On how many ticks one channel's target was changed, by reason.
struct LimiterCounts {
  std::uint64_t nonfinite = 0;
  std::uint64_t position = 0;
  std::uint64_t velocity = 0;
  std::uint64_t acceleration = 0;
};

/// Turns targets into commands. For ANY sequence of targets, NaN and infinities included, every command is finite, lies
/// inside the position bounds, moves at most velocity·period from the command before it, changes its speed by at most
/// acceleration·period, and can still be braked to rest inside the bounds. It cannot be switched off.
///
/// All limits refer to the *previous command*, not to the measured position: a lagging arm must not make the commands
/// jump. A step always counts as one period, also after skipped ticks, so a late loop resumes without a jump.
class Limiter {
 public:
  /// @throw ConfigError if a limit is impossible (check_limits) or the period is not positive.
  Limiter(std::vector<ChannelLimits> limits, double period_s);

  /// Starts from a position at rest. It must be finite; it is clamped into the bounds (the loop refuses to arm
  /// outside).
  void reset(std::span<const double> position) noexcept;

  /// The next command towards a target that moves. Where the limits allow it, command = target; otherwise the command
  /// catches up as fast as the limits allow, without overshooting the moving target.
  /// @param position target of this tick, any bit pattern
  /// @param velocity of the target, per second; any bit pattern (a non-finite one counts as 0)
  void follow(std::span<const double> position, std::span<const double> velocity) noexcept;

  /// The next command on the way to a standstill: full deceleration on every moving channel, hold channels stay.
  void brake() noexcept;

  /// The last command. Valid after reset().
  [[nodiscard]] std::span<const double> command() const noexcept { return {command_.data(), limits_.size()}; }

  [[nodiscard]] bool at_rest() const noexcept;

  [[nodiscard]] std::span<const LimiterCounts> counts() const noexcept { return counts_; }
  [[nodiscard]] const std::vector<ChannelLimits>& limits() const noexcept { return limits_; }

 private:
  void move(std::size_t channel, double wanted_velocity) noexcept;

  std::vector<ChannelLimits> limits_;
  std::vector<LimiterCounts> counts_;
  double period_s_;
  ChannelValues command_{};
  ChannelValues velocity_{};
};

/// The greatest speed after which a channel can still stop within `room`, braking by `acceleration` once a period.
/// A step at speed v with all the braking steps after it covers, for n = floor(v / (a·T)),
/// S(v) = T·((n + 1)·v − a·T·n·(n + 1)/2): piecewise linear, so S(v) = room is solved in closed form, exactly.
/// @param room [unit] ≥ 0
double braking_speed(double room, double acceleration, double period_s) noexcept;

}  // namespace retain
