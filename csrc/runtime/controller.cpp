#include "runtime/controller.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "error.hpp"

namespace retain {

namespace {

constexpr double kAbsent = std::numeric_limits<double>::quiet_NaN();
constexpr Nanoseconds kFirstStateNs = kNanosecondsPerSecond;  // how long to wait for a robot's first state

}  // namespace

Controller::Controller(ControllerConfig config, Clock& clock, Robot& robot, const Exchange& exchange)
    : config_(std::move(config)),
      clock_(clock),
      robot_(robot),
      exchange_(exchange),
      interpolation_(interpolation_of(config_.limits)),
      limiter_(config_.limits, to_s(config_.period_ns)),
      supervisor_(config_.supervisor) {}

void Controller::arm() {
  // One late answer is no silent robot.
  const Nanoseconds patience_ns = clock_.now_ns() + kFirstStateNs;
  RobotStatus read = robot_.read(clock_.now_ns(), robot_state_);
  while (read != RobotStatus::ok && clock_.now_ns() < patience_ns) {
    clock_.sleep_until(clock_.now_ns() + config_.period_ns);
    read = robot_.read(clock_.now_ns(), robot_state_);
  }
  if (read != RobotStatus::ok) {
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
  std::array<double, 3> tool_m{};
  if (config_.workspace && !robot_.tool_position(limiter_.command(), tool_m)) {
    throw ConfigError("a workspace is given, but this robot does not know where its tool is; leave the workspace out");
  }
  if (!inside_workspace()) {
    throw DeviceError("the tool stands at " + std::to_string(tool_m[0]) + ", " + std::to_string(tool_m[1]) + ", " +
                      std::to_string(tool_m[2]) + " m, outside the workspace; move the arm inside or widen the box");
  }
  supervisor_.arm();
  state_.store(supervisor_.state(), std::memory_order_release);
}

bool Controller::tick(Wake wake) noexcept {
  const Nanoseconds begun_ns = clock_.now_ns();
  const RobotStatus read = robot_.read(wake.now_ns, robot_state_);
  const Nanoseconds read_ns = clock_.now_ns();
  // Where the robot paces, the tick begins when it has answered.
  if (robot_.paces()) wake = paced_by_robot(read_ns);

  const Signals signals = observe(wake, read);
  const Reaction reaction = supervisor_.update(wake.now_ns, signals);
  if (supervisor_.rearmed() != epoch_) void_the_past();
  command(reaction);
  record(wake, reaction);

  const Nanoseconds ready_ns = clock_.now_ns();
  if (reaction == Reaction::drop) {
    robot_.drop();
  } else {
    written_ = robot_.write(limiter_.command());
  }
  const Nanoseconds written_ns = clock_.now_ns();

  if (statistics_.ticks == 0) statistics_.first_ns = wake.now_ns;
  statistics_.last_ns = wake.now_ns;
  ++statistics_.ticks;
  statistics_.overruns += wake.skipped > 0 ? 1 : 0;
  statistics_.skipped += wake.skipped;
  statistics_.lateness.record(wake.now_ns - wake.due_ns);
  statistics_.body.record(ready_ns - read_ns);
  statistics_.device.record((read_ns - begun_ns) + (written_ns - ready_ns));
  if (reaction == Reaction::none) statistics_.frame_age.record(written_ns - exchange_.chunks.front().observed_ns);

  running_since_ns_.store(supervisor_.running_since_ns(), std::memory_order_release);
  cause_.store(supervisor_.cause(), std::memory_order_release);
  state_.store(supervisor_.state(), std::memory_order_release);
  ticks_.store(statistics_.ticks, std::memory_order_relaxed);
  return supervisor_.finished();
}

Wake Controller::paced_by_robot(Nanoseconds now_ns) noexcept {
  Wake wake{.due_ns = now_ns, .now_ns = now_ns, .skipped = 0};
  if (last_cycle_ns_ != 0) {
    // Its cycles jitter: a cycle counts as lost from one and a half periods on.
    const Nanoseconds periods = (now_ns - last_cycle_ns_ + config_.period_ns / 2) / config_.period_ns;
    wake.due_ns = last_cycle_ns_ + std::max<Nanoseconds>(periods, 1) * config_.period_ns;
    wake.skipped = periods > 1 ? static_cast<std::uint64_t>(periods - 1) : 0;
  }
  last_cycle_ns_ = now_ns;
  return wake;
}

void Controller::void_the_past() noexcept {
  epoch_ = supervisor_.rearmed();
  exchange_.health.epoch.store(epoch_, std::memory_order_release);
  left_workspace_ = false;
  exchange_.health.rejected_in_a_row.store(0, std::memory_order_release);
}

Signals Controller::observe(const Wake& wake, RobotStatus read) noexcept {
  const Nanoseconds now_ns = wake.now_ns;
  exchange_.chunks.update();
  const Chunk& chunk = exchange_.chunks.front();
  Signals signals;
  signals.has_chunk = valid(chunk);
  signals.exhausted = true;
  if (signals.has_chunk) {
    // Where the arm should be when the tick was due, not when it woke: the limiter's steps are whole periods, and the
    // jitter of wake-ups must not become a jitter of commands.
    sample(chunk, interpolation_, wake.due_ns, target_);
    signals.exhausted = target_.exhausted;
  }
  signals.time_over = config_.duration_ns > 0 && supervisor_.state() == State::running &&
                      now_ns - supervisor_.running_since_ns() >= config_.duration_ns;
  signals.go = exchange_.requests.go.load(std::memory_order_acquire);
  signals.stop_requested = exchange_.requests.stop.load(std::memory_order_acquire);
  signals.drop_requested = exchange_.requests.drop.load(std::memory_order_acquire);
  signals.rearm_requested = exchange_.requests.rearm.exchange(false, std::memory_order_acq_rel);
  signals.robot = written_ != RobotStatus::ok && written_ != RobotStatus::silent ? written_ : read;
  signals.state_age_ns = now_ns - robot_state_.time_ns;
  signals.following_error = following_error();
  signals.left_workspace = left_workspace_;
  // A robot that cannot say how hot it is says NaN, which is not above any limit.
  signals.overheated = robot_state_.temperature_c > config_.temperature_limit_c ||
                       exchange_.surroundings.overheated.load(std::memory_order_acquire);
  signals.camera_lost = exchange_.surroundings.cameras_lost.load(std::memory_order_acquire) > 0;
  signals.rejected_in_a_row = exchange_.health.rejected_in_a_row.load(std::memory_order_acquire);
  signals.engine_error = exchange_.health.engine_error.load(std::memory_order_acquire);
  const Nanoseconds asked_ns = exchange_.health.request_started_ns.load(std::memory_order_acquire);
  signals.request_age_ns = asked_ns == 0 ? 0 : now_ns - asked_ns;
  signals.frames_stale = exchange_.health.frames_stale.load(std::memory_order_acquire);
  signals.skipped = wake.skipped;
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

bool Controller::inside_workspace() noexcept {
  if (!config_.workspace) return true;
  // The command itself, and where the arm would come to rest if it braked from here.
  std::array<double, 3> tool_m{};
  ChannelValues stop{};
  const std::size_t channels = config_.limits.size();
  limiter_.stop_position({stop.data(), channels});
  return robot_.tool_position(limiter_.command(), tool_m) && config_.workspace->holds(tool_m) &&
         robot_.tool_position({stop.data(), channels}, tool_m) && config_.workspace->holds(tool_m);
}

void Controller::command(Reaction reaction) noexcept {
  const Chunk& chunk = exchange_.chunks.front();
  const bool plays = supervisor_.state() == State::running && valid(chunk);
  if (plays) {
    const std::size_t channels = config_.limits.size();
    limiter_.follow({target_.position.data(), channels}, {target_.velocity.data(), channels},
                    exchange_.surroundings.speed_scale.load(std::memory_order_relaxed));
    if (!inside_workspace()) {
      // Not one step that way: brake from the command before, whose stop was looked at one tick ago.
      limiter_.undo();
      limiter_.brake();
      left_workspace_ = true;
    }
  } else if (reaction != Reaction::drop) {
    limiter_.brake();
  }
  if (plays && reaction == Reaction::none && (chunk.id != played_chunk_ || target_.row != played_row_)) {
    played_chunk_ = chunk.id;
    played_row_ = target_.row;
    ++statistics_.actions;
  }
}

void Controller::record(const Wake& wake, Reaction reaction) noexcept {
  const Chunk& chunk = exchange_.chunks.front();
  const std::span<const double> sent = limiter_.command();
  record_.time_ns = wake.now_ns;
  record_.lateness_ns = wake.now_ns - wake.due_ns;
  record_.chunk = valid(chunk) ? chunk.id : 0;
  record_.row = static_cast<std::uint32_t>(target_.row);
  record_.state = supervisor_.state();
  record_.reaction = reaction;
  record_.cause = supervisor_.cause();
  record_.measured = robot_state_.position;
  if (valid(chunk)) {
    const std::span<const double> policy = chunk.policy_row(target_.row);
    std::copy(policy.begin(), policy.end(), record_.policy.begin());
    record_.planned = target_.position;
  } else {
    record_.policy.fill(kAbsent);
    record_.planned.fill(kAbsent);
  }
  std::copy(sent.begin(), sent.end(), record_.sent.begin());
  exchange_.recorder.push(record_);
  if (exchange_.crash != nullptr) {
    exchange_.crash->push({.time_ns = record_.time_ns,
                           .chunk = record_.chunk,
                           .row = record_.row,
                           .state = static_cast<std::uint8_t>(record_.state),
                           .reaction = static_cast<std::uint8_t>(record_.reaction),
                           .measured = record_.measured,
                           .sent = record_.sent});
  }

  motion_.time_ns = wake.now_ns;
  motion_.measured = robot_state_.position;
  std::copy(sent.begin(), sent.end(), motion_.commanded.begin());
  exchange_.history.push(motion_);
}

}  // namespace retain
