#include "runtime/controller.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "error.hpp"

namespace retain {

namespace {

constexpr double kAbsent = std::numeric_limits<double>::quiet_NaN();

std::vector<Interpolation> interpolation_of(const std::vector<ChannelLimits>& limits) {
  std::vector<Interpolation> interpolation;
  for (const ChannelLimits& limit : limits) interpolation.push_back(limit.interpolation);
  return interpolation;
}

}  // namespace

Controller::Controller(ControllerConfig config, Clock& clock, Robot& robot, TripleBuffer<Chunk>& chunks,
                       InferenceHealth& health, OperatorRequests& requests, MotionHistory& history, Recorder& recorder)
    : config_(std::move(config)),
      clock_(clock),
      robot_(robot),
      chunks_(chunks),
      health_(health),
      requests_(requests),
      history_(history),
      recorder_(recorder),
      interpolation_(interpolation_of(config_.limits)),
      limiter_(config_.limits, to_s(config_.period_ns)),
      supervisor_(config_.supervisor) {}

void Controller::arm() {
  if (robot_.read(clock_.now_ns(), robot_state_) != RobotStatus::ok) {
    throw DeviceError("the robot gave no state to start from; is it powered, released and connected?");
  }
  for (std::size_t c = 0; c < config_.limits.size(); ++c) {
    const ChannelLimits& limit = config_.limits[c];
    const double position = robot_state_.position[c];
    if (!std::isfinite(position)) {
      throw DeviceError("the robot measures channel " + limit.name + " as " + std::to_string(position));
    }
    if (position < limit.position_min || position > limit.position_max) {
      throw DeviceError("channel " + limit.name + " stands at " + std::to_string(position) + ", outside its limits " +
                        std::to_string(limit.position_min) + " to " + std::to_string(limit.position_max) +
                        "; move the arm inside or widen the limits");
    }
  }
  limiter_.reset({robot_state_.position.data(), config_.limits.size()});
  supervisor_.arm();
  state_.store(supervisor_.state(), std::memory_order_release);
}

bool Controller::tick(const Wake& wake) noexcept {
  const Nanoseconds begun_ns = clock_.now_ns();
  const RobotStatus read = robot_.read(wake.now_ns, robot_state_);
  const Nanoseconds read_ns = clock_.now_ns();

  const Signals signals = observe(wake.now_ns, wake.skipped, read);
  const Reaction reaction = supervisor_.update(wake.now_ns, signals);
  command(reaction);
  record(wake, reaction);

  const Nanoseconds ready_ns = clock_.now_ns();
  if (reaction == Reaction::drop) {
    robot_.drop();
  } else {
    written_ = robot_.write(limiter_.command());
  }
  const Nanoseconds written_ns = clock_.now_ns();

  ++statistics_.ticks;
  statistics_.overruns += wake.skipped > 0 ? 1 : 0;
  statistics_.skipped += wake.skipped;
  statistics_.lateness.record(wake.now_ns - wake.due_ns);
  statistics_.body.record(ready_ns - read_ns);
  statistics_.device.record((read_ns - begun_ns) + (written_ns - ready_ns));
  if (reaction == Reaction::none) statistics_.frame_age.record(written_ns - chunks_.front().observed_ns);

  running_since_ns_.store(supervisor_.running_since_ns(), std::memory_order_release);
  state_.store(supervisor_.state(), std::memory_order_release);
  ticks_.store(statistics_.ticks, std::memory_order_relaxed);
  return supervisor_.finished();
}

Signals Controller::observe(Nanoseconds now_ns, std::uint64_t skipped, RobotStatus read) noexcept {
  chunks_.update();
  const Chunk& chunk = chunks_.front();
  Signals signals;
  signals.has_chunk = chunk.id != 0;
  signals.exhausted = true;
  if (signals.has_chunk) {
    sample(chunk, interpolation_, now_ns, target_);
    signals.exhausted = target_.exhausted;
  }
  signals.time_over = config_.duration_ns > 0 && supervisor_.state() == State::running &&
                      now_ns - supervisor_.running_since_ns() >= config_.duration_ns;
  signals.go = requests_.go.load(std::memory_order_acquire);
  signals.stop_requested = requests_.stop.load(std::memory_order_acquire);
  signals.drop_requested = requests_.drop.load(std::memory_order_acquire);
  signals.robot = written_ != RobotStatus::ok && written_ != RobotStatus::silent ? written_ : read;
  signals.state_age_ns = now_ns - robot_state_.time_ns;
  signals.following_error = following_error();
  signals.rejected_in_a_row = health_.rejected_in_a_row.load(std::memory_order_acquire);
  signals.engine_error = health_.engine_error.load(std::memory_order_acquire);
  const Nanoseconds asked_ns = health_.request_started_ns.load(std::memory_order_acquire);
  signals.request_age_ns = asked_ns == 0 ? 0 : now_ns - asked_ns;
  signals.frames_stale = health_.frames_stale.load(std::memory_order_acquire);
  signals.skipped = skipped;
  signals.at_rest = limiter_.at_rest();
  return signals;
}

bool Controller::following_error() const noexcept {
  const std::span<const double> last = limiter_.command();
  for (std::size_t c = 0; c < last.size(); ++c) {
    // Written so that a measured NaN counts as an error.
    if (!(std::abs(last[c] - robot_state_.position[c]) <= config_.following_error[c])) return true;
  }
  return false;
}

void Controller::command(Reaction reaction) noexcept {
  const bool has_chunk = chunks_.front().id != 0;
  const bool plays = supervisor_.state() == State::running && has_chunk;
  if (plays) {
    const std::size_t channels = config_.limits.size();
    limiter_.follow({target_.position.data(), channels}, {target_.velocity.data(), channels});
  } else if (reaction != Reaction::drop) {
    limiter_.brake();
  }
  if (plays && reaction == Reaction::none && (chunks_.front().id != played_chunk_ || target_.row != played_row_)) {
    played_chunk_ = chunks_.front().id;
    played_row_ = target_.row;
    ++statistics_.actions;
  }
}

void Controller::record(const Wake& wake, Reaction reaction) noexcept {
  const Chunk& chunk = chunks_.front();
  const std::span<const double> sent = limiter_.command();
  record_.time_ns = wake.now_ns;
  record_.lateness_ns = wake.now_ns - wake.due_ns;
  record_.chunk = chunk.id;
  record_.row = static_cast<std::uint32_t>(target_.row);
  record_.state = supervisor_.state();
  record_.reaction = reaction;
  record_.cause = supervisor_.cause();
  record_.measured = robot_state_.position;
  if (chunk.id != 0) {
    const std::span<const double> policy = chunk.policy_row(target_.row);
    std::copy(policy.begin(), policy.end(), record_.policy.begin());
    record_.planned = target_.position;
  } else {
    record_.policy.fill(kAbsent);
    record_.planned.fill(kAbsent);
  }
  std::copy(sent.begin(), sent.end(), record_.sent.begin());
  recorder_.push(record_);

  motion_.time_ns = wake.now_ns;
  motion_.measured = robot_state_.position;
  std::copy(sent.begin(), sent.end(), motion_.commanded.begin());
  history_.push(motion_);
}

}  // namespace retain
