// An arm in MuJoCo that lives in real time: its physics advances to the loop's time inside read().
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mujoco/simulation.hpp"
#include "robot/robot.hpp"
#include "robot/suction_cup.hpp"

namespace retain {

/// The scene as it stands at the start, at rest, suction off.
struct MujocoScene {
  std::string xml;
  std::vector<double> qpos;
  std::vector<double> ctrl;
  std::vector<std::string> joints;  ///< the arm's, which are the names of their actuators too
  std::string suction_channel;
  SuctionSpec suction;
};

class MujocoRobot final : public Robot {
 public:
  /// @throw DeviceError if the scene cannot be compiled or lacks a name, or the positions have another size
  MujocoRobot(std::shared_ptr<const mujoco::Library> library, const MujocoScene& scene);

  /// A view on the physics for one onlooker. Before the loop starts.
  std::shared_ptr<mujoco::SnapshotFeed> subscribe();

  [[nodiscard]] const std::vector<RobotChannel>& channels() const noexcept override { return channels_; }

  /// Advances the physics to `now_ns`. After a long gap at most kCatchUpSteps are made and the rest of the gap is left
  /// out, as if the world had paused: a burst of steps would cost the tick more time than it gains.
  [[nodiscard]] RobotStatus read(std::int64_t now_ns, RobotState& state) noexcept override;
  [[nodiscard]] RobotStatus write(std::span<const double> command) noexcept override;
  void drop() noexcept override { streaming_ = false; }

  /// The cup's tip, by forward kinematics on a state of its own: the physics is not touched.
  [[nodiscard]] bool tool_position(std::span<const double> position, std::array<double, 3>& xyz_m) noexcept override;

  [[nodiscard]] double physics_dt_s() const noexcept { return dt_s_; }

 private:
  static constexpr std::int64_t kCatchUpSteps = 10;

  void advance(std::int64_t now_ns) noexcept;
  void publish() noexcept;
  [[nodiscard]] bool broke_down() const noexcept;

  std::unique_ptr<mujoco::Simulation> simulation_;
  std::unique_ptr<mujoco::Simulation> kinematics_;
  int tip_;
  std::unique_ptr<SuctionCup> suction_;
  std::vector<RobotChannel> channels_;
  std::vector<int> joint_q_;
  std::vector<int> servos_;
  std::vector<std::shared_ptr<mujoco::SnapshotFeed>> onlookers_;
  double dt_s_ = 0.0;
  std::int64_t dt_ns_ = 0;
  std::optional<std::int64_t> physics_ns_;  // the instant that the physics has reached
  std::uint64_t steps_ = 0;
  bool suction_on_ = false;
  bool streaming_ = true;
};

}  // namespace retain
