#include "rehearsal/rehearsal.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <thread>
#include <utility>

#include "error.hpp"

namespace retain {

namespace {

constexpr double kHotC = 200.0;
constexpr std::chrono::milliseconds kSilence{50};

}  // namespace

RehearsedEngine::RehearsedEngine(std::shared_ptr<Engine> engine, std::shared_ptr<const Rehearsal> rehearsal)
    : engine_(std::move(engine)), rehearsal_(std::move(rehearsal)) {}

void RehearsedEngine::prefix(const PolicyInput& input) {
  const double delay_s = rehearsal_->delay_s.load();
  if (delay_s > 0.0) std::this_thread::sleep_for(std::chrono::duration<double>(delay_s));
  engine_->prefix(input);
}

void RehearsedEngine::step(std::span<const float> x, std::span<const float> t, std::span<float> velocity) {
  engine_->step(x, t, velocity);
  if (rehearsal_->not_a_number.load()) velocity[velocity.size() / 2] = std::numeric_limits<float>::quiet_NaN();
}

RehearsedCamera::RehearsedCamera(std::shared_ptr<Camera> camera, std::shared_ptr<const Rehearsal> rehearsal)
    : camera_(std::move(camera)), rehearsal_(std::move(rehearsal)) {}

void RehearsedCamera::open() {
  if (rehearsal_->camera_lost.load()) throw DeviceError("camera " + role() + " is unplugged, for the rehearsal");
  camera_->open();
}

CameraStatus RehearsedCamera::grab(Frame& frame) noexcept {
  if (rehearsal_->camera_lost.load()) return CameraStatus::lost;
  const CameraStatus status = camera_->grab(frame);
  if (rehearsal_->camera_silent.load()) {
    std::this_thread::sleep_for(kSilence);
    return CameraStatus::timeout;
  }
  if (status != CameraStatus::ok || frame.rgb.empty()) return status;
  if (rehearsal_->camera_repeats.load() && last_.size() == frame.rgb.size()) {
    std::copy(last_.begin(), last_.end(), frame.rgb.begin());
    return status;
  }
  frame.rgb.back() = static_cast<std::uint8_t>(frame.number);
  last_ = frame.rgb;
  return status;
}

RehearsedRobot::RehearsedRobot(std::shared_ptr<Robot> robot, std::shared_ptr<const Rehearsal> rehearsal)
    : robot_(std::move(robot)), rehearsal_(std::move(rehearsal)) {}

RobotStatus RehearsedRobot::read(std::int64_t now_ns, RobotState& state) noexcept {
  if (rehearsal_->robot_silent.load(std::memory_order_relaxed)) return RobotStatus::silent;
  const RobotStatus status = robot_->read(now_ns, state);
  state.position[0] += rehearsal_->displaced.load(std::memory_order_relaxed);
  if (rehearsal_->hot.load(std::memory_order_relaxed)) {
    state.temperature_c = kHotC;
  } else if (state.temperature_c == kHotC) {
    state.temperature_c = std::numeric_limits<double>::quiet_NaN();  // a robot that can't say leaves it as it was
  }
  return status;
}

}  // namespace retain
