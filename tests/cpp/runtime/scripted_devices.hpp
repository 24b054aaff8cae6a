// A robot, a camera and an engine that do what a test tells them: real implementations of the three interfaces.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <limits>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "camera/camera.hpp"
#include "engine/script_engine.hpp"
#include "error.hpp"
#include "robot/robot.hpp"
#include "runtime/clock.hpp"
#include "runtime/inference.hpp"
#include "runtime/limits_watch.hpp"

namespace retain::testing {

/// An arm without inertia: it stands where it was commanded, one tick later. Watches its commands for broken limits.
class ScriptedRobot final : public Robot {
 public:
  ScriptedRobot(std::vector<RobotChannel> channels, LimitsWatch watch, std::vector<double> start)
      : channels_(std::move(channels)), watch_(std::move(watch)), position_(std::move(start)) {
    watch_.start(position_);
  }

  [[nodiscard]] const std::vector<RobotChannel>& channels() const noexcept override { return channels_; }

  [[nodiscard]] RobotStatus read(std::int64_t now_ns, RobotState& state) noexcept override {
    if (cycle_ns > 0) {
      // A robot that is its own clock answers at its next cycle.
      next_cycle_ns_ = std::max(next_cycle_ns_ + cycle_ns, clock_.now_ns());
      clock_.sleep_until(next_cycle_ns_);
      now_ns = clock_.now_ns();
    }
    if (status != RobotStatus::ok) return status;
    state.time_ns = now_ns;
    std::copy(position_.begin(), position_.end(), state.position.begin());
    state.position[0] += displaced;
    state.temperature_c = temperature_c;
    return RobotStatus::ok;
  }

  /// The tool is a slider: x is the first joint, y the second.
  [[nodiscard]] bool tool_position(std::span<const double> position, std::array<double, 3>& xyz_m) noexcept override {
    xyz_m = {position[0], position[1], 0.0};
    return has_tool;
  }

  [[nodiscard]] bool paces() const noexcept override { return cycle_ns > 0; }

  [[nodiscard]] RobotStatus write(std::span<const double> command) noexcept override {
    if (dropped) written_after_drop = true;
    watch_.see(command);
    std::copy(command.begin(), command.end(), position_.begin());
    return write_status;
  }

  void drop() noexcept override { dropped = true; }

  [[nodiscard]] const LimitsWatch& watch() const noexcept { return watch_; }
  [[nodiscard]] const std::vector<double>& position() const noexcept { return position_; }

  RobotStatus status = RobotStatus::ok;
  RobotStatus write_status = RobotStatus::ok;
  double temperature_c = std::numeric_limits<double>::quiet_NaN();
  bool has_tool = true;
  Nanoseconds cycle_ns = 0;  ///< of a robot that paces; 0: the loop does
  double displaced = 0.0;    ///< how far the first joint's measurement is from its command
  bool dropped = false;
  bool written_after_drop = false;

 private:
  std::vector<RobotChannel> channels_;
  LimitsWatch watch_;
  std::vector<double> position_;
  MonotonicClock clock_;
  Nanoseconds next_cycle_ns_ = 0;
};

/// Plays chunks from a function of (request number, measured state); the warm-up's runs are request 0.
class ScriptedEngine final : public Engine {
 public:
  using Script = std::function<void(std::uint64_t request, std::span<const float> state, std::span<float> chunk)>;

  ScriptedEngine(std::size_t horizon, std::size_t channels, Script script)
      : engine_({{"front", 4, 4}}, channels, horizon, channels,
                [this, script = std::move(script)](std::span<const float> state, std::span<float> chunk) {
                  const std::uint64_t run = runs_++;
                  script(run < kWarmUpRuns ? 0 : run - kWarmUpRuns + 1, state, chunk);
                }),
        info_(engine_.info()) {
    info_.max_tokens = 2;
  }

  [[nodiscard]] const EngineInfo& info() const noexcept override { return info_; }

  /// Prefixes computed so far, the warm-up's among them.
  [[nodiscard]] std::uint64_t runs() const noexcept { return runs_.load(); }

  void prefix(const PolicyInput& input) override {
    if (input.images.at(0).size() != 48) throw EngineError("a frame of another size reached the engine");
    engine_.prefix(input);
  }

  void step(std::span<const float> x, std::span<const float> t, std::span<float> velocity) override {
    engine_.step(x, t, velocity);
  }

 private:
  std::atomic<std::uint64_t> runs_{0};
  ScriptEngine engine_;
  EngineInfo info_;
};

/// Frames at a fixed rate, stamped with the moment they were taken. It can be unplugged: then grab() says so, and
/// open() fails until it is plugged in again.
class ScriptedCamera final : public Camera {
 public:
  explicit ScriptedCamera(bool delivers = true) : delivers_(delivers) {}

  [[nodiscard]] const std::string& role() const noexcept override { return role_; }
  [[nodiscard]] std::size_t height() const noexcept override { return 4; }
  [[nodiscard]] std::size_t width() const noexcept override { return 4; }
  void open() override {
    ++opened;
    if (unplugged.load()) throw DeviceError("the camera is not there");
  }

  [[nodiscard]] CameraStatus grab(Frame& frame) noexcept override {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    if (unplugged.load()) return CameraStatus::lost;
    if (!delivers_ || frozen.load()) return CameraStatus::timeout;
    frame.sensor_time_ns = clock_.now_ns();
    frame.number = ++number_;
    frame.height = frame.width = 4;
    frame.rgb.assign(48, 0);
    if (!repeats.load()) frame.rgb[0] = static_cast<std::uint8_t>(number_);
    return CameraStatus::ok;
  }

  void close() noexcept override { ++closed; }

  std::atomic<bool> frozen{false};   ///< no new frame comes
  std::atomic<bool> repeats{false};  ///< new numbers and time stamps on one and the same picture
  std::atomic<bool> unplugged{false};
  std::atomic<int> opened{0};
  std::atomic<int> closed{0};

 private:
  std::string role_ = "front";
  bool delivers_;
  std::uint64_t number_ = 0;
  MonotonicClock clock_;
};

}  // namespace retain::testing
