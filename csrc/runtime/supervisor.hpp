// The state machine above the motion: what goes wrong, how strongly to react, and what may follow what.
#pragma once

#include <cstdint>

#include "robot/robot.hpp"
#include "runtime/clock.hpp"

namespace retain {

enum class State : std::uint8_t {
  disarmed,  ///< nothing is sent
  armed,     ///< holding where the arm was found; no policy
  running,   ///< the policy moves the arm
  stopping,  ///< ramping down within the limits
  hold,      ///< at rest after a stop the operator asked for
  fault,     ///< at rest, or no longer streaming, after anything else; latched until a person re-arms
};

/// How strongly the loop reacts on this tick, weakest first.
enum class Reaction : std::uint8_t {
  none,
  hold,  ///< keep streaming the last safe target
  ramp,  ///< decelerate within the limits
  drop,  ///< stop streaming, so that the robot's own watchdog acts
};

/// Why the loop stopped.
enum class Cause : std::uint8_t {
  none,
  time_over,      ///< the run's duration has passed
  operator_stop,  ///< a person, a signal, or a program that sees the task done
  operator_drop,
  rejected_chunks,
  starved,       ///< no successor to the last chunk in time
  stale_frames,  ///< starved because no camera frame was fresh enough
  engine_error,
  engine_hung,
  robot_silent,
  robot_rejected,
  robot_stopped,
  following_error,
  overruns,
  camera_lost,
  workspace,   ///< the motion would have left the workspace box
  overheated,  ///< the robot's motors or the computer
};

/// What the tick saw. The supervisor knows nothing else.
struct Signals {
  bool go = false;               ///< every camera delivers: the policy may move the arm
  bool time_over = false;        ///< the run's duration has passed
  bool stop_requested = false;   ///< operator or signal
  bool drop_requested = false;   ///< operator insists
  bool rearm_requested = false;  ///< operator has looked and wants to go on
  RobotStatus robot = RobotStatus::ok;
  Nanoseconds state_age_ns = 0;  ///< since the robot's last new state
  bool following_error = false;
  bool left_workspace = false;
  bool overheated = false;
  bool camera_lost = false;
  std::uint64_t rejected_in_a_row = 0;
  bool engine_error = false;
  Nanoseconds request_age_ns = 0;  ///< since the inference in flight was asked; 0 when none is
  bool frames_stale = false;
  bool has_chunk = false;
  bool exhausted = false;     ///< the chunk's last row is reached, or there is none yet
  std::uint64_t skipped = 0;  ///< periods lost before this tick
  bool at_rest = false;       ///< of the last command
};

struct SupervisorLimits {
  Nanoseconds hold_timeout_ns = 0;  ///< how long to hold without a successor before ramping down
  Nanoseconds first_chunk_timeout_ns = 0;
  Nanoseconds inference_timeout_ns = 0;  ///< a request older than this is hung
  Nanoseconds state_timeout_ns = 0;
  std::uint64_t rejections = 2;      ///< in a row
  std::uint64_t overruns_per_s = 0;  ///< late ticks within one second
  bool attended = false;  ///< after a fault that left the arm at rest, go on holding for a person to re-arm or to stop
};

/// Decides once per tick. Pure: same signals, same decisions; no clock, no thread, no allocation.
class Supervisor {
 public:
  explicit Supervisor(SupervisorLimits limits) : limits_(limits) {}

  /// DISARMED → ARMED.
  void arm() noexcept { state_ = State::armed; }

  Reaction update(Nanoseconds now_ns, const Signals& signals) noexcept;

  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] Cause cause() const noexcept { return cause_; }
  /// Nothing more will happen: at rest after a stop, or after a fault that nobody will re-arm.
  [[nodiscard]] bool finished() const noexcept { return state_ == State::hold || (state_ == State::fault && !waits()); }
  [[nodiscard]] std::uint64_t rearmed() const noexcept { return rearmed_; }
  [[nodiscard]] std::uint64_t holds() const noexcept { return holds_; }
  [[nodiscard]] Nanoseconds running_since_ns() const noexcept { return running_since_ns_; }

 private:
  /// In a fault, at rest, for a person.
  [[nodiscard]] bool waits() const noexcept { return limits_.attended && rest_ == Reaction::hold && !given_up_; }
  Reaction wait(const Signals& signals) noexcept;
  [[nodiscard]] bool may_rearm(const Signals& signals) const noexcept;
  Reaction drop(Cause cause) noexcept;
  [[nodiscard]] Cause dropping(const Signals& signals) const noexcept;
  [[nodiscard]] Cause ramping(Nanoseconds now_ns, const Signals& signals) noexcept;
  [[nodiscard]] bool overrun(Nanoseconds now_ns, std::uint64_t skipped) noexcept;
  Reaction run(Nanoseconds now_ns, const Signals& signals) noexcept;
  Reaction stop(Cause cause, const Signals& signals) noexcept;

  SupervisorLimits limits_;
  State state_ = State::disarmed;
  Cause cause_ = Cause::none;
  Reaction rest_ = Reaction::drop;  // what goes on while nothing may change: disarmed nothing is streamed
  bool holding_ = false;
  Nanoseconds exhausted_since_ns_ = 0;
  Nanoseconds running_since_ns_ = 0;
  Nanoseconds overrun_window_ns_ = 0;
  std::uint64_t overruns_in_window_ = 0;
  std::uint64_t holds_ = 0;
  std::uint64_t rearmed_ = 0;
  bool given_up_ = false;
};

const char* to_string(State state) noexcept;
const char* to_string(Reaction reaction) noexcept;
const char* to_string(Cause cause) noexcept;

}  // namespace retain
