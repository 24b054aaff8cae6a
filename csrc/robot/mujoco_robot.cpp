#include "robot/mujoco_robot.hpp"

#include <algorithm>
#include <cmath>

#include "error.hpp"

namespace retain {

namespace {

void copy_start(const std::vector<double>& from, mjtNum* to, mjtSize count, const char* what) {
  if (static_cast<mjtSize>(from.size()) != count) {
    throw DeviceError(std::string("the scene has ") + std::to_string(count) + " " + what + " and the start gives " +
                      std::to_string(from.size()));
  }
  std::copy(from.begin(), from.end(), to);
}

}  // namespace

MujocoRobot::MujocoRobot(std::shared_ptr<const mujoco::Library> library, const MujocoScene& scene)
    : simulation_(std::make_unique<mujoco::Simulation>(library, scene.xml)),
      kinematics_(std::make_unique<mujoco::Simulation>(std::move(library), scene.xml)),
      tip_(kinematics_->id(mjOBJ_SITE, scene.suction.cup_site, "site")),
      suction_(std::make_unique<SuctionCup>(scene.suction, *simulation_)) {
  if (scene.joints.size() + 1 > kMaxChannels) throw DeviceError("the scene's arm has too many joints");
  mjModel& model = simulation_->model();
  mjData& data = simulation_->data();
  for (const std::string& joint : scene.joints) {
    channels_.push_back({joint, "rad"});
    joint_q_.push_back(model.jnt_qposadr[simulation_->id(mjOBJ_JOINT, joint, "joint")]);
    servos_.push_back(simulation_->id(mjOBJ_ACTUATOR, joint, "actuator"));
  }
  channels_.push_back({scene.suction_channel, "1"});
  copy_start(scene.qpos, data.qpos, model.nq, "positions");
  copy_start(scene.ctrl, data.ctrl, model.nu, "controls");
  simulation_->api().forward(&model, &data);
  dt_s_ = model.opt.timestep;
  dt_ns_ = std::llround(dt_s_ * 1e9);
}

std::shared_ptr<mujoco::SnapshotFeed> MujocoRobot::subscribe() {
  mujoco::Snapshot prototype;
  const mjModel& model = simulation_->model();
  prototype.qpos.resize(static_cast<std::size_t>(model.nq));
  prototype.eq_active.resize(static_cast<std::size_t>(model.neq));
  onlookers_.push_back(std::make_shared<mujoco::SnapshotFeed>(prototype));
  return onlookers_.back();
}

RobotStatus MujocoRobot::read(std::int64_t now_ns, RobotState& state) noexcept {
  advance(now_ns);
  if (broke_down()) return RobotStatus::stopped;
  const mjData& data = simulation_->data();
  state.time_ns = *physics_ns_;
  for (std::size_t i = 0; i < joint_q_.size(); ++i) state.position[i] = data.qpos[joint_q_[i]];
  state.position[joint_q_.size()] = suction_on_ ? 1.0 : 0.0;
  return RobotStatus::ok;
}

RobotStatus MujocoRobot::write(std::span<const double> command) noexcept {
  if (!streaming_) return RobotStatus::rejected;
  mjData& data = simulation_->data();
  for (std::size_t i = 0; i < servos_.size(); ++i) data.ctrl[servos_[i]] = command[i];
  suction_on_ = command[servos_.size()] > 0.5;
  return RobotStatus::ok;
}

bool MujocoRobot::tool_position(std::span<const double> position, std::array<double, 3>& xyz_m) noexcept {
  mjData& data = kinematics_->data();
  for (std::size_t i = 0; i < joint_q_.size(); ++i) data.qpos[joint_q_[i]] = position[i];
  kinematics_->api().kinematics(&kinematics_->model(), &data);
  std::copy_n(data.site_xpos + 3 * tip_, 3, xyz_m.begin());
  return true;
}

void MujocoRobot::advance(std::int64_t now_ns) noexcept {
  if (!physics_ns_) {
    physics_ns_ = now_ns;
    publish();
    return;
  }
  const std::int64_t behind = (now_ns - *physics_ns_) / dt_ns_;
  if (behind > kCatchUpSteps) *physics_ns_ += (behind - kCatchUpSteps) * dt_ns_;
  const std::uint64_t before = steps_;
  while (*physics_ns_ + dt_ns_ <= now_ns) {
    suction_->apply(suction_on_);
    simulation_->api().step(&simulation_->model(), &simulation_->data());
    *physics_ns_ += dt_ns_;
    ++steps_;
  }
  if (steps_ != before) publish();
}

void MujocoRobot::publish() noexcept {
  const mjModel& model = simulation_->model();
  const mjData& data = simulation_->data();
  for (const std::shared_ptr<mujoco::SnapshotFeed>& onlooker : onlookers_) {
    mujoco::Snapshot& snapshot = onlooker->back();
    snapshot.time_ns = *physics_ns_;
    snapshot.number = steps_ + 1;
    snapshot.simulated_s = data.time;
    std::copy_n(data.qpos, model.nq, snapshot.qpos.begin());
    std::copy_n(data.eq_active, model.neq, snapshot.eq_active.begin());
    snapshot.suction = suction_on_;
    onlooker->publish();
  }
}

// MuJoCo answers a diverged simulation by resetting it, which would move the arm in no time: that is no robot any more.
bool MujocoRobot::broke_down() const noexcept {
  const mjData& data = simulation_->data();
  return data.warning[mjWARN_BADQPOS].number + data.warning[mjWARN_BADQVEL].number +
             data.warning[mjWARN_BADQACC].number >
         0;
}

}  // namespace retain
