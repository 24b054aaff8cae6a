#include "runtime/action_codec.hpp"

#include <algorithm>

#include "error.hpp"

namespace retain {

namespace {

std::size_t find_by_name(const std::vector<RobotChannel>& robot, const std::string& name, const char* role) {
  const auto found = std::find_if(robot.begin(), robot.end(), [&](const RobotChannel& c) { return c.name == name; });
  if (found == robot.end()) {
    std::string known;
    for (const RobotChannel& channel : robot) known += (known.empty() ? "" : ", ") + channel.name;
    throw ConfigError(std::string("the policy's ") + role + " channel " + name + " is not on the robot, which has " +
                      known);
  }
  return static_cast<std::size_t>(found - robot.begin());
}

}  // namespace

ActionCodec::ActionCodec(const std::vector<StateChannel>& state, const std::vector<ActionChannel>& action,
                         const std::vector<RobotChannel>& robot, std::size_t row_width)
    : robot_channels_(robot.size()), row_width_(row_width == 0 ? action.size() : row_width) {
  if (row_width_ < action.size()) {
    throw ConfigError(std::to_string(action.size()) + " action channels do not fit into the policy's rows of " +
                      std::to_string(row_width_) + " columns");
  }
  for (const StateChannel& channel : state) {
    if (channel.scale == 0.0) throw ConfigError("state channel " + channel.name + " has the scale 0");
    state_.push_back({find_by_name(robot, channel.name, "state"), channel.offset, channel.scale, false});
  }
  std::vector<bool> commanded(robot.size(), false);
  for (const ActionChannel& channel : action) {
    const std::size_t index = find_by_name(robot, channel.name, "action");
    if (channel.scale == 0.0) throw ConfigError("action channel " + channel.name + " has the scale 0");
    if (commanded[index]) throw ConfigError("the policy commands channel " + channel.name + " twice");
    commanded[index] = true;
    action_.push_back({index, channel.offset, channel.scale, channel.delta});
  }
  for (std::size_t c = 0; c < robot.size(); ++c) {
    if (!commanded[c])
      throw ConfigError("the robot's channel " + robot[c].name + " is commanded by no action of the policy");
  }
}

void ActionCodec::encode_state(const ChannelValues& measured, std::span<float> normalized) const noexcept {
  for (std::size_t i = 0; i < state_.size(); ++i) {
    normalized[i] = static_cast<float>((measured[state_[i].robot_index] - state_[i].offset) / state_[i].scale);
  }
}

void ActionCodec::decode_action(std::span<const float> normalized, const ChannelValues& measured,
                                std::span<double> values) const noexcept {
  const std::size_t rows = normalized.size() / row_width_;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < action_.size(); ++i) {
      const Affine& channel = action_[i];
      const double value = channel.offset + channel.scale * static_cast<double>(normalized[row * row_width_ + i]);
      values[row * robot_channels_ + channel.robot_index] =
          channel.delta ? value + measured[channel.robot_index] : value;
    }
  }
}

void ActionCodec::encode_action(std::span<const double> values, const ChannelValues& measured,
                                std::span<float> normalized) const noexcept {
  const std::size_t rows = values.size() / robot_channels_;
  std::fill(normalized.begin(), normalized.end(), 0.0F);
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < action_.size(); ++i) {
      const Affine& channel = action_[i];
      const double value = values[row * robot_channels_ + channel.robot_index];
      const double physical = channel.delta ? value - measured[channel.robot_index] : value;
      normalized[row * row_width_ + i] = static_cast<float>((physical - channel.offset) / channel.scale);
    }
  }
}

}  // namespace retain
