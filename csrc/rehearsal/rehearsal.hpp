// Faults on demand: a robot, a camera and an engine that pass everything on to real ones, until told to fail.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "camera/camera.hpp"
#include "engine/engine.hpp"
#include "robot/robot.hpp"

namespace retain {

/// What goes wrong at the moment. Any thread may change it at any time. Before an arm is trusted to a loop, its faults
/// should have been rehearsed on it.
struct Rehearsal {
  std::atomic<bool> camera_silent{false};   ///< no frame comes
  std::atomic<bool> camera_lost{false};     ///< unplugged: cannot be opened either
  std::atomic<bool> camera_repeats{false};  ///< one picture for ever, with fresh numbers and time stamps
  std::atomic<bool> not_a_number{false};    ///< the engine answers NaN
  std::atomic<double> delay_s{0.0};         ///< that the engine takes longer
  std::atomic<double> displaced{0.0};       ///< of the first channel's measurement, in its unit
  std::atomic<bool> hot{false};             ///< motors at 200 °C
  std::atomic<bool> robot_silent{false};    ///< no state comes
};

/// Engine::step answers NaN, and Engine::prefix takes longer, while the rehearsal says so.
class RehearsedEngine final : public Engine {
 public:
  RehearsedEngine(std::shared_ptr<Engine> engine, std::shared_ptr<const Rehearsal> rehearsal);

  [[nodiscard]] const EngineInfo& info() const noexcept override { return engine_->info(); }
  void prefix(const PolicyInput& input) override;
  void step(std::span<const float> x, std::span<const float> t, std::span<float> velocity) override;

 private:
  std::shared_ptr<Engine> engine_;
  std::shared_ptr<const Rehearsal> rehearsal_;
};

class RehearsedCamera final : public Camera {
 public:
  RehearsedCamera(std::shared_ptr<Camera> camera, std::shared_ptr<const Rehearsal> rehearsal);

  [[nodiscard]] const std::string& role() const noexcept override { return camera_->role(); }
  [[nodiscard]] std::size_t height() const noexcept override { return camera_->height(); }
  [[nodiscard]] std::size_t width() const noexcept override { return camera_->width(); }
  void open() override;
  [[nodiscard]] CameraStatus grab(Frame& frame) noexcept override;
  void close() noexcept override { camera_->close(); }

  /// True: a simulated camera's pictures get one noisy byte, so that a frozen camera can be rehearsed with it.
  [[nodiscard]] bool noisy() const noexcept override { return true; }

 private:
  std::shared_ptr<Camera> camera_;
  std::shared_ptr<const Rehearsal> rehearsal_;
  std::vector<std::uint8_t> last_;
};

class RehearsedRobot final : public Robot {
 public:
  RehearsedRobot(std::shared_ptr<Robot> robot, std::shared_ptr<const Rehearsal> rehearsal);

  [[nodiscard]] const std::vector<RobotChannel>& channels() const noexcept override { return robot_->channels(); }
  void start() override { robot_->start(); }
  void stop() noexcept override { robot_->stop(); }
  [[nodiscard]] bool paces() const noexcept override { return robot_->paces(); }
  [[nodiscard]] RobotStatus read(std::int64_t now_ns, RobotState& state) noexcept override;
  [[nodiscard]] RobotStatus write(std::span<const double> command) noexcept override { return robot_->write(command); }
  void drop() noexcept override { robot_->drop(); }
  [[nodiscard]] bool tool_position(std::span<const double> position, std::array<double, 3>& xyz_m) noexcept override {
    return robot_->tool_position(position, xyz_m);
  }
  [[nodiscard]] std::vector<RobotCount> counts() const override { return robot_->counts(); }

 private:
  std::shared_ptr<Robot> robot_;
  std::shared_ptr<const Rehearsal> rehearsal_;
};

}  // namespace retain
