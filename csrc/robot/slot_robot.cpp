#include "robot/slot_robot.hpp"

#include <algorithm>

#include "error.hpp"

namespace retain {

SlotRobot::SlotRobot(std::vector<RobotChannel> channels) : channels_(std::move(channels)) {
  if (channels_.empty() || channels_.size() > kMaxChannels) {
    throw DeviceError("a robot has 1 to " + std::to_string(kMaxChannels) + " channels; this one has " +
                      std::to_string(channels_.size()));
  }
}

void SlotRobot::start() {
  if (ended_.load(std::memory_order_acquire)) {
    const std::lock_guard lock(reason_mutex_);
    throw DeviceError("the arm's driver has ended: " + (reason_->empty() ? "closed" : *reason_) +
                      "; open the device again");
  }
  if (dropped()) throw DeviceError("the arm was dropped and takes no more commands; look at it, then open it again");
}

RobotStatus SlotRobot::read(std::int64_t /*now_ns*/, RobotState& state) noexcept {
  if (ended_.load(std::memory_order_acquire)) return RobotStatus::silent;
  have_state_ = states_.update() || have_state_;
  if (!have_state_) return RobotStatus::silent;
  state = states_.front();
  return RobotStatus::ok;
}

RobotStatus SlotRobot::write(std::span<const double> command) noexcept {
  if (dropped_.load(std::memory_order_relaxed)) return RobotStatus::rejected;
  if (ended_.load(std::memory_order_acquire)) return RobotStatus::silent;
  std::copy(command.begin(), command.end(), commands_.back().begin());
  commands_.publish();
  return RobotStatus::ok;
}

std::vector<RobotCount> SlotRobot::counts() const {
  std::vector<RobotCount> counts{{"states that were not newer than the last", refused_.load()}};
  const std::lock_guard lock(reason_mutex_);
  if (reason_ && !reason_->empty()) counts.push_back({*reason_, 1});
  return counts;
}

bool SlotRobot::push_state(std::int64_t time_ns, std::span<const double> position) {
  if (position.size() != channels_.size()) {
    throw DeviceError("a state of " + std::to_string(position.size()) + " positions came from a robot of " +
                      std::to_string(channels_.size()) + " channels");
  }
  if (time_ns <= newest_ns_) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  newest_ns_ = time_ns;
  RobotState& state = states_.back();
  state.time_ns = time_ns;
  std::copy(position.begin(), position.end(), state.position.begin());
  states_.publish();
  return true;
}

bool SlotRobot::take_command(std::span<double> command) noexcept {
  // The order matters: a command that was left before the drop must not be taken after it.
  const bool fresh = commands_.update();
  if (!fresh || dropped()) return false;
  std::copy_n(commands_.front().begin(), std::min(command.size(), channels_.size()), command.begin());
  return true;
}

void SlotRobot::end(const std::string& reason) {
  const std::lock_guard lock(reason_mutex_);
  if (!reason_) reason_ = reason;
  ended_.store(true, std::memory_order_release);
}

}  // namespace retain
