#include "runtime/supervisor.hpp"

namespace retain {

Reaction Supervisor::update(Nanoseconds now_ns, const Signals& signals) noexcept {
  if (state_ == State::disarmed || finished()) return rest_;
  if (const Cause cause = dropping(signals); cause != Cause::none) return drop(cause);
  if (state_ == State::fault) return wait(signals);
  if (state_ == State::stopping) return stop(cause_, signals);
  if (const Cause cause = ramping(now_ns, signals); cause != Cause::none) return stop(cause, signals);
  if (state_ == State::armed) {
    if (!signals.go) return Reaction::hold;
    state_ = State::running;
    running_since_ns_ = now_ns;
    exhausted_since_ns_ = now_ns;
  }
  return run(now_ns, signals);
}

Reaction Supervisor::drop(Cause cause) noexcept {
  state_ = State::fault;
  cause_ = cause;
  rest_ = Reaction::drop;
  return rest_;
}

Reaction Supervisor::wait(const Signals& signals) noexcept {
  if (signals.stop_requested) {
    given_up_ = true;
  } else if (signals.rearm_requested && may_rearm(signals)) {
    state_ = State::armed;
    cause_ = Cause::none;
    holding_ = false;
    overruns_in_window_ = 0;
    ++rearmed_;
  }
  return rest_;
}

// A person may only wave through what is mended.
bool Supervisor::may_rearm(const Signals& signals) const noexcept {
  return !signals.engine_error && signals.request_age_ns <= limits_.inference_timeout_ns && !signals.following_error &&
         !signals.overheated && !signals.camera_lost && signals.at_rest;
}

Cause Supervisor::dropping(const Signals& signals) const noexcept {
  if (signals.drop_requested) return Cause::operator_drop;
  if (signals.robot == RobotStatus::stopped) return Cause::robot_stopped;
  if (signals.robot == RobotStatus::rejected) return Cause::robot_rejected;
  if (signals.state_age_ns > limits_.state_timeout_ns) return Cause::robot_silent;
  return Cause::none;
}

Cause Supervisor::ramping(Nanoseconds now_ns, const Signals& signals) noexcept {
  if (overrun(now_ns, signals.skipped)) return Cause::overruns;
  if (signals.stop_requested) return Cause::operator_stop;
  if (signals.time_over) return Cause::time_over;
  if (signals.following_error) return Cause::following_error;
  if (signals.left_workspace) return Cause::workspace;
  if (signals.overheated) return Cause::overheated;
  if (signals.camera_lost) return Cause::camera_lost;
  if (signals.rejected_in_a_row >= limits_.rejections) return Cause::rejected_chunks;
  return Cause::none;
}

bool Supervisor::overrun(Nanoseconds now_ns, std::uint64_t skipped) noexcept {
  if (now_ns - overrun_window_ns_ >= kNanosecondsPerSecond) {
    overrun_window_ns_ = now_ns;
    overruns_in_window_ = 0;
  }
  if (skipped > 0) ++overruns_in_window_;
  return overruns_in_window_ > limits_.overruns_per_s;
}

Reaction Supervisor::run(Nanoseconds now_ns, const Signals& signals) noexcept {
  if (!signals.exhausted) {
    holding_ = false;
    return Reaction::none;
  }
  // A chunk that ended is not yet a fault: the successor may be a moment late. Hold the last safe target, then ramp.
  if (!holding_) {
    holding_ = true;
    if (signals.has_chunk) {
      exhausted_since_ns_ = now_ns;
      ++holds_;
    }
  }
  const bool hung = signals.request_age_ns > limits_.inference_timeout_ns;
  const Nanoseconds patience_ns = signals.has_chunk ? limits_.hold_timeout_ns : limits_.first_chunk_timeout_ns;
  if (now_ns - exhausted_since_ns_ <= patience_ns) return Reaction::hold;
  if (signals.engine_error) return stop(Cause::engine_error, signals);
  if (hung) return stop(Cause::engine_hung, signals);
  if (signals.frames_stale) return stop(Cause::stale_frames, signals);
  return stop(Cause::starved, signals);
}

Reaction Supervisor::stop(Cause cause, const Signals& signals) noexcept {
  if (state_ != State::stopping) {
    state_ = State::stopping;
    cause_ = cause;
    return Reaction::ramp;
  }
  if (!signals.at_rest) return Reaction::ramp;
  // Only a stop that somebody asked for ends in HOLD; whatever else stopped the arm wants a person to look.
  state_ = cause_ == Cause::operator_stop || cause_ == Cause::time_over ? State::hold : State::fault;
  rest_ = Reaction::hold;
  return rest_;
}

const char* to_string(State state) noexcept {
  switch (state) {
    case State::disarmed:
      return "disarmed";
    case State::armed:
      return "armed";
    case State::running:
      return "running";
    case State::stopping:
      return "stopping";
    case State::hold:
      return "hold";
    case State::fault:
      return "fault";
  }
  return "?";
}

const char* to_string(Reaction reaction) noexcept {
  switch (reaction) {
    case Reaction::none:
      return "none";
    case Reaction::hold:
      return "hold";
    case Reaction::ramp:
      return "ramp";
    case Reaction::drop:
      return "drop";
  }
  return "?";
}

const char* to_string(Cause cause) noexcept {
  switch (cause) {
    case Cause::none:
      return "none";
    case Cause::time_over:
      return "time_over";
    case Cause::operator_stop:
      return "operator_stop";
    case Cause::operator_drop:
      return "operator_drop";
    case Cause::rejected_chunks:
      return "rejected_chunks";
    case Cause::starved:
      return "starved";
    case Cause::stale_frames:
      return "stale_frames";
    case Cause::engine_error:
      return "engine_error";
    case Cause::engine_hung:
      return "engine_hung";
    case Cause::robot_silent:
      return "robot_silent";
    case Cause::robot_rejected:
      return "robot_rejected";
    case Cause::robot_stopped:
      return "robot_stopped";
    case Cause::following_error:
      return "following_error";
    case Cause::overruns:
      return "overruns";
    case Cause::camera_lost:
      return "camera_lost";
    case Cause::workspace:
      return "workspace";
    case Cause::overheated:
      return "overheated";
  }
  return "?";
}

}  // namespace retain
