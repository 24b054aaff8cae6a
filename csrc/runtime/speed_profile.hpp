// One joint's fastest change of speed under an acceleration and a jerk limit: where it leads, and where it ends.
#pragma once

namespace retain {

/// One joint at one instant.
struct JointMotion {
  double position = 0.0;
  double velocity = 0.0;      ///< per second
  double acceleration = 0.0;  ///< per second squared
};

struct ProfileLimits {
  double acceleration = 0.0;  ///< per second squared, > 0
  double jerk = 0.0;          ///< per second cubed, > 0
};

/// The furthest points of a motion, relative to its start: low ≤ 0 ≤ high.
struct Reach {
  double low = 0.0;
  double high = 0.0;
};

/// The time-optimal change from (velocity, acceleration) to (goal, 0): full jerk, then full acceleration if there is
/// time for it, then full jerk back. Closed form: with s the sign of the change, w = s·(goal − v) and b = s·a, the peak
/// acceleration is min(√(J·w + b²/2), A).
class SpeedProfile {
 public:
  SpeedProfile(double velocity, double acceleration, double goal, const ProfileLimits& limits) noexcept;

  /// The motion after some time on the profile; at and after its end, exactly the goal's speed without acceleration.
  [[nodiscard]] JointMotion after(const JointMotion& start, double time_s) const noexcept;

  /// How far the joint moves until the goal's speed is reached.
  [[nodiscard]] double displacement(double velocity, double acceleration) const noexcept;

  [[nodiscard]] double duration_s() const noexcept { return rise_s_ + cruise_s_ + fall_s_; }

 private:
  double goal_;
  double jerk_;  // of the first phase, with its sign; the last has the opposite one
  double rise_s_;
  double cruise_s_;
  double fall_s_;
};

/// How far a joint moves before it stands still, braking as fast as the limits allow.
double stop_displacement(double velocity, double acceleration, const ProfileLimits& limits) noexcept;

/// The furthest points on the way to that standstill. They differ from its end where the braking itself has to be
/// ended: a joint that brakes hard and is nearly at rest swings back before it stands.
Reach stop_reach(double velocity, double acceleration, const ProfileLimits& limits) noexcept;

}  // namespace retain
