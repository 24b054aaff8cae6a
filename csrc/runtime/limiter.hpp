// The last gate before the robot: every command obeys position, velocity, acceleration and jerk limits,
// whatever was asked.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "robot/robot.hpp"
#include "runtime/limits.hpp"
#include "runtime/speed_profile.hpp"

namespace retain {

/// On how many ticks one channel's target was changed, by reason.
struct LimiterCounts {
  std::uint64_t nonfinite = 0;
  std::uint64_t position = 0;
  std::uint64_t velocity = 0;
  std::uint64_t acceleration = 0;
  std::uint64_t jerk = 0;
};

/// Turns targets into commands. For ANY sequence of targets, NaN and infinities included, the commands are samples of a
/// continuous motion that lies inside the position bounds, keeps to the velocity, acceleration and jerk limits, and can
/// at every instant still be braked to a standstill inside the bounds. Differences of samples keep to the same limits
/// as the motion itself. It cannot be switched off.
///
/// All limits refer to the *previous command*, not to the measured position: a lagging arm must not make the commands
/// jump. A step always counts as one period, also after skipped ticks, so a late loop resumes without a jump.
///
/// How: a motion is *safe* if braking from it as fast as the limits allow stays inside the bounds. Each period either
/// goes towards the target, if the motion at its end is safe, or brakes, which is safe because the motion before was.
/// What lies between the two is reachable as well (the limits are convex), so the step goes as far as is safe.
class Limiter {
 public:
  /// @throw ConfigError if a limit is impossible (check_limits) or the period is not positive.
  Limiter(std::vector<ChannelLimits> limits, double period_s);

  /// Starts from a position at rest. It must be finite; it is clamped into the bounds (the loop refuses to arm
  /// outside).
  void reset(std::span<const double> position) noexcept;

  /// The next command towards a target that moves. Where the limits allow it, command = target; otherwise the command
  /// catches up as fast as the limits allow and stops, in the target's own frame, on the target.
  /// @param position target of this tick, any bit pattern
  /// @param velocity of the target, per second; any bit pattern (a non-finite one counts as 0)
  /// @param speed_scale share of the velocity limits to use, in [0, 1]; a joint that is faster slows down within the
  /// limits
  void follow(std::span<const double> position, std::span<const double> velocity, double speed_scale = 1.0) noexcept;

  /// The next command on the way to a standstill: full deceleration on every moving channel, hold channels stay.
  void brake() noexcept;

  /// The last command. Valid after reset().
  [[nodiscard]] std::span<const double> command() const noexcept { return {command_.data(), limits_.size()}; }

  [[nodiscard]] bool at_rest() const noexcept;

  /// Where brake() would bring every channel to a standstill. One value per channel.
  void stop_position(std::span<double> position) const noexcept;

  /// Forgets the last follow(): the next command goes on from the one before it. Once per follow().
  void undo() noexcept;

  [[nodiscard]] std::span<const LimiterCounts> counts() const noexcept { return counts_; }
  [[nodiscard]] const std::vector<ChannelLimits>& limits() const noexcept { return limits_; }

 private:
  struct MovingTarget {
    double position = 0.0;
    double velocity = 0.0;
    double acceleration = 0.0;
  };

  /// Where one period of following leads, without regard to the position bounds.
  [[nodiscard]] JointMotion towards(const JointMotion& here, const MovingTarget& goal, double speed,
                                    const ProfileLimits& limits) const noexcept;
  [[nodiscard]] JointMotion braked(const JointMotion& here, const ProfileLimits& limits) const noexcept;
  /// As far towards `wanted` as is safe.
  [[nodiscard]] JointMotion safe(const JointMotion& here, const JointMotion& wanted,
                                 const ChannelLimits& limit) const noexcept;
  void move(std::size_t channel, const JointMotion& motion) noexcept;

  std::vector<ChannelLimits> limits_;
  std::vector<LimiterCounts> counts_;
  double period_s_;
  ChannelValues command_{};
  std::array<JointMotion, kMaxChannels> motion_{};
  ChannelValues target_velocity_{};
  ChannelValues former_command_{};
  std::array<JointMotion, kMaxChannels> former_motion_{};
};

}  // namespace retain
