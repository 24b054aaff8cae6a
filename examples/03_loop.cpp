// The whole loop without Python: a camera, an engine that looks through it, an arm, and assemble().
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include "error.hpp"
#include "runtime/assemble.hpp"

namespace {

constexpr std::size_t kHeight = 8;
constexpr std::size_t kWidth = 64;
constexpr std::size_t kRows = 10;

/// Sees a bright spot that wanders from left to right and back.
class SpotCamera final : public retain::Camera {
 public:
  const std::string& role() const noexcept override { return role_; }
  std::size_t height() const noexcept override { return kHeight; }
  std::size_t width() const noexcept override { return kWidth; }
  void open() override {}

  retain::CameraStatus grab(retain::Frame& frame) noexcept override {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    frame.sensor_time_ns = clock_.now_ns();
    frame.number = ++frames_;
    frame.height = kHeight;
    frame.width = kWidth;
    frame.rgb.assign(kHeight * kWidth * 3, 0);
    const double column = (0.5 + 0.4 * std::sin(2.0 * retain::to_s(frame.sensor_time_ns))) * kWidth;
    for (std::size_t row = 0; row < kHeight; ++row) {
      frame.rgb[(row * kWidth + static_cast<std::size_t>(column)) * 3] = 255;
    }
    return retain::CameraStatus::ok;
  }

  void close() noexcept override {}

  // Drawn pictures may repeat; a real sensor's never do, and where they do the loop takes it for frozen.
  bool noisy() const noexcept override { return false; }

 private:
  std::string role_ = "front";
  retain::MonotonicClock clock_;
  std::uint64_t frames_ = 0;
};

/// A policy in twenty lines: point the joint at the spot. A learned one comes as OnnxRuntimeEngine.
class PointAtSpot final : public retain::Engine {
 public:
  PointAtSpot() {
    info_.description = "points at the spot";
    info_.images = {{"front", kHeight, kWidth}};
    info_.state_dim = 1;
    info_.horizon = kRows;
    info_.action_dim = 1;
  }

  const retain::EngineInfo& info() const noexcept override { return info_; }

  void prefix(const retain::PolicyInput& input) override {
    const std::span<const std::uint8_t> row = input.images[0].first(kWidth * 3);
    const auto brightest = std::max_element(row.begin(), row.end()) - row.begin();
    goal_ = static_cast<float>(brightest / 3) / kWidth - 0.5F;
  }

  void step(std::span<const float> x, std::span<const float> t, std::span<float> velocity) override {
    for (std::size_t row = 0; row < x.size(); ++row) velocity[row] = (goal_ - x[row]) / (1.0F - t[row]);
  }

 private:
  retain::EngineInfo info_;
  float goal_ = 0.0F;
};

/// An arm without inertia: it stands where it was told to.
class OneJoint final : public retain::Robot {
 public:
  const std::vector<retain::RobotChannel>& channels() const noexcept override { return channels_; }
  retain::RobotStatus read(std::int64_t now_ns, retain::RobotState& state) noexcept override {
    state.time_ns = now_ns;
    state.position[0] = position_;
    return retain::RobotStatus::ok;
  }
  retain::RobotStatus write(std::span<const double> command) noexcept override {
    if (dropped_) return retain::RobotStatus::rejected;
    position_ = command[0];
    return retain::RobotStatus::ok;
  }
  void drop() noexcept override { dropped_ = true; }

 private:
  std::vector<retain::RobotChannel> channels_{{"pan", "rad"}};
  double position_ = 0.0;
  bool dropped_ = false;
};

retain::LoopConfig configuration() {
  retain::LoopConfig config;
  config.rate_hz = 200.0;
  config.duration_s = 3.0;
  config.strategy = retain::Strategy::async;  // asks for the next chunk while one plays
  config.dt_s = 0.1;
  config.execute_rows = 2;
  config.state = {{"pan", 0.0, 1.0}};
  config.action = {{"pan", 0.0, 1.0, false}};
  config.limits = {
      {.name = "pan", .position_min = -0.6, .position_max = 0.6, .velocity = 3.0, .acceleration = 30.0, .jerk = 600.0}};
  config.following_error = {0.5};
  config.max_frame_age_s = 1.0;
  config.state_timeout_s = 0.5;
  config.inference_timeout_s = 5.0;
  config.hold_timeout_s = 5.0;
  config.start_timeout_s = 5.0;
  config.overruns_per_s_to_stop = 200;
  config.realtime = {.priority = {}, .cpu = {}, .lock_memory = false};
  config.log_s = 10.0;
  return config;
}

}  // namespace

int main() {
  try {
    const auto loop = retain::assemble(configuration(), std::make_shared<OneJoint>(), {std::make_shared<SpotCamera>()},
                                       std::make_shared<PointAtSpot>());
    loop->start();
    while (!loop->wait(0.1)) {
    }
    const retain::RunReport report = loop->report();
    double least = 0.0;
    double greatest = 0.0;
    for (const retain::TickRecord& tick : loop->records()) {
      least = std::min(least, tick.sent[0]);
      greatest = std::max(greatest, tick.sent[0]);
    }
    std::printf(
        "ended in %s (%s): %llu ticks, %llu chunks, %.0f ms from frame to command; pan went from %.2f to %.2f rad\n",
        to_string(report.state), to_string(report.cause), static_cast<unsigned long long>(report.ticks),
        static_cast<unsigned long long>(report.inference_counts.published), 1e3 * report.frame_age.p50_s, least,
        greatest);
    return report.state == retain::State::hold && greatest - least > 0.1 ? 0 : 1;
  } catch (const retain::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
