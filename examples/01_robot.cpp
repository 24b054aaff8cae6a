// Your own arm: implement Robot, then let the loop drive it along a script. Here a simulated arm of two joints.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <memory>
#include <numbers>
#include <vector>

#include "engine/script_engine.hpp"
#include "error.hpp"
#include "runtime/assemble.hpp"

namespace {

// Everything the loop needs of an arm. read() and write() are called on the tick: no exception, no allocation, no wait
// but the device's own.
class TwoJointArm final : public retain::Robot {
 public:
  const std::vector<retain::RobotChannel>& channels() const noexcept override { return channels_; }

  // Once per tick. A real arm asks its bus here, and gives the time at which it measured.
  retain::RobotStatus read(std::int64_t now_ns, retain::RobotState& state) noexcept override {
    const double elapsed_s = last_ns_ == 0 ? 0.0 : static_cast<double>(now_ns - last_ns_) * 1e-9;
    last_ns_ = now_ns;
    const double share = 1.0 - std::exp(-elapsed_s / kLag_s);
    for (std::size_t j = 0; j < position_.size(); ++j) {
      position_[j] += share * (command_[j] - position_[j]);
      state.position[j] = position_[j];
    }
    state.time_ns = now_ns;
    return retain::RobotStatus::ok;
  }

  retain::RobotStatus write(std::span<const double> command) noexcept override {
    if (dropped_) return retain::RobotStatus::rejected;
    std::copy(command.begin(), command.end(), command_.begin());
    return retain::RobotStatus::ok;
  }

  void drop() noexcept override { dropped_ = true; }

 private:
  static constexpr double kLag_s = 0.03;  // of the position servos

  std::vector<retain::RobotChannel> channels_{{"shoulder", "rad"}, {"elbow", "rad"}};
  std::array<double, 2> position_{0.0, 0.5};
  std::array<double, 2> command_{0.0, 0.5};
  std::int64_t last_ns_ = 0;
  bool dropped_ = false;
};

// One swing of the shoulder, away and back, in rows of a tenth of a second.
constexpr std::size_t kRows = 20;
constexpr double kDt_s = 0.1;

void swing(std::span<const float> /*state*/, std::span<float> chunk) {
  for (std::size_t row = 0; row < kRows; ++row) {
    const double phase = static_cast<double>(row + 1) / static_cast<double>(kRows);
    chunk[2 * row] = static_cast<float>(0.2 * (1.0 - std::cos(2.0 * std::numbers::pi * phase)));
    chunk[2 * row + 1] = 0.5F;
  }
}

retain::LoopConfig configuration() {
  retain::LoopConfig config;
  config.rate_hz = 200.0;
  config.duration_s = 2.0;
  config.strategy = retain::Strategy::sync;
  config.dt_s = kDt_s;
  config.execute_rows = kRows;
  config.state = {{"shoulder", 0.0, 1.0}, {"elbow", 0.0, 1.0}};
  config.action = {{"shoulder", 0.0, 1.0, false}, {"elbow", 0.0, 1.0, false}};
  // Position bounds, speed, acceleration, jerk: no command ever leaves them, whatever the script or the policy says.
  const retain::ChannelLimits limits{
      .position_min = -1.5, .position_max = 1.5, .velocity = 2.0, .acceleration = 20.0, .jerk = 400.0};
  config.limits = {limits, limits};
  config.limits[0].name = "shoulder";
  config.limits[1].name = "elbow";
  config.following_error = {0.5, 0.5};
  config.max_frame_age_s = 1.0;
  config.state_timeout_s = 0.5;
  config.inference_timeout_s = 5.0;
  config.hold_timeout_s = 5.0;
  config.start_timeout_s = 5.0;
  config.overruns_per_s_to_stop = 200;  // a desktop computer is late now and then
  config.realtime = {.priority = {}, .cpu = {}, .lock_memory = false};
  config.log_s = 10.0;
  return config;
}

}  // namespace

int main() {
  try {
    const auto engine = std::make_shared<retain::ScriptEngine>(std::vector<retain::ImageSpec>{}, 2, kRows, 2, swing);
    const auto loop = retain::assemble(configuration(), std::make_shared<TwoJointArm>(), {}, engine);
    loop->start();  // Ctrl-C from here on ramps the arm down
    while (!loop->wait(0.1)) {
    }
    const retain::RunReport report = loop->report();
    double farthest = 0.0;
    for (const retain::TickRecord& tick : loop->records()) farthest = std::max(farthest, tick.measured[0]);
    std::printf("ended in %s (%s) after %llu ticks; the shoulder swung out to %.2f rad\n", to_string(report.state),
                to_string(report.cause), static_cast<unsigned long long>(report.ticks), farthest);
    return report.state == retain::State::hold && farthest > 0.3 ? 0 : 1;
  } catch (const retain::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
