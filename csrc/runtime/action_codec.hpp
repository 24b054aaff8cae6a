// Between the policy's numbers and the robot's: normalization, deltas, and order by name.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "robot/robot.hpp"
#include "runtime/chunk.hpp"

namespace retain {

/// One number of the policy's state input: physical = offset + scale · normalized.
struct StateChannel {
  std::string name;
  double offset = 0.0;
  double scale = 1.0;
};

/// One number of the policy's action rows. With `delta` the physical value is added to the measured position of the
/// channel of the same name, at the observation.
struct ActionChannel {
  std::string name;
  double offset = 0.0;
  double scale = 1.0;
  bool delta = false;
};

/// Where each policy channel stands on the robot is found by name, once, at construction: an order that differs between
/// policy and robot cannot become a wrong motion (lerobot #4122, where the arm hit the table).
class ActionCodec {
 public:
  /// @param row_width columns of the policy's rows; what is beyond the action channels is padding, whose clean value
  /// is 0. The default 0 stands for no padding.
  /// @throw ConfigError if a name is not one of the robot's channels, a robot channel is commanded by no action
  /// channel, or the channels do not fit into a row.
  ActionCodec(const std::vector<StateChannel>& state, const std::vector<ActionChannel>& action,
              const std::vector<RobotChannel>& robot, std::size_t row_width = 0);

  /// The policy's normalized state from the robot's measured positions.
  /// @param normalized [state channels], written
  void encode_state(const ChannelValues& measured, std::span<float> normalized) const noexcept;

  /// Absolute robot units, in the robot's order, from normalized action rows.
  /// @param normalized [rows · row width]
  /// @param measured at the observation: deltas are anchored there, not at a later state
  /// @param values [rows · robot channels], written
  void decode_action(std::span<const float> normalized, const ChannelValues& measured,
                     std::span<double> values) const noexcept;

  /// The inverse of decode_action, for rows of the running chunk that a new one goes on from: kept in absolute robot
  /// units, they are put into the frame of the *new* observation (strands #779 kept deltas in the old one).
  /// @param values [rows · robot channels]
  /// @param measured at the new observation
  /// @param normalized [rows · row width], written
  void encode_action(std::span<const double> values, const ChannelValues& measured,
                     std::span<float> normalized) const noexcept;

  [[nodiscard]] std::size_t state_channels() const noexcept { return state_.size(); }
  [[nodiscard]] std::size_t row_width() const noexcept { return row_width_; }

 private:
  struct Affine {
    std::size_t robot_index = 0;
    double offset = 0.0;
    double scale = 1.0;
    bool delta = false;
  };

  std::vector<Affine> state_;
  std::vector<Affine> action_;
  std::size_t robot_channels_;
  std::size_t row_width_;
};

}  // namespace retain
