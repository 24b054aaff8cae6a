// The body of one tick: read the robot, look up the target, limit it, send it, record it.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "exchange/triple_buffer.hpp"
#include "robot/robot.hpp"
#include "runtime/chunk.hpp"
#include "runtime/crash_ring.hpp"
#include "runtime/inference_health.hpp"
#include "runtime/latency_histogram.hpp"
#include "runtime/limiter.hpp"
#include "runtime/motion_history.hpp"
#include "runtime/pacer.hpp"
#include "runtime/recorder.hpp"
#include "runtime/supervisor.hpp"
#include "runtime/workspace.hpp"

namespace retain {

struct ControllerConfig {
  Nanoseconds period_ns = 0;
  Nanoseconds duration_ns = 0;  ///< of the run, from RUNNING on; 0: until somebody stops it
  std::vector<ChannelLimits> limits;
  std::vector<double> following_error;  ///< per channel: greatest |command − measured|; infinite: not watched
  SupervisorLimits supervisor;
  std::optional<Workspace> workspace{};
  double temperature_limit_c = std::numeric_limits<double>::infinity();  ///< of the robot's motors
};

/// The words by which the threads talk to the tick, and the tick to them.
struct Exchange {
  TripleBuffer<Chunk>& chunks;
  InferenceHealth& health;
  OperatorRequests& requests;
  Surroundings& surroundings;
  MotionHistory& history;
  Recorder& recorder;
  CrashRing* crash = nullptr;  ///< where the last ticks are wanted after a crash
};

/// What the tick thread counted. To be read after it has ended.
struct TickStatistics {
  std::uint64_t ticks = 0;
  std::uint64_t overruns = 0;  ///< wake-ups that found at least one whole period lost
  std::uint64_t skipped = 0;   ///< periods lost
  std::uint64_t actions = 0;   ///< chunk rows that were begun
  Nanoseconds first_ns = 0;    ///< wake-up of the first tick
  Nanoseconds last_ns = 0;     ///< and of the last
  LatencyHistogram lateness;
  LatencyHistogram body;       ///< without the robot's read and write
  LatencyHistogram device;     ///< the robot's read and write
  LatencyHistogram frame_age;  ///< from the frame's sensor time to the command, on ticks that follow a chunk

  /// Ticks per second of the time that they really took.
  [[nodiscard]] double command_rate_hz() const noexcept {
    return last_ns > first_ns ? static_cast<double>(ticks - 1) / to_s(last_ns - first_ns) : 0.0;
  }
};

/// Everything a tick does, with no thread and no sleep of its own: tests drive it with a virtual clock, the loop with
/// the real one. Nothing in tick() allocates, locks, or throws.
class Controller {
 public:
  Controller(ControllerConfig config, Clock& clock, Robot& robot, const Exchange& exchange);

  /// Reads where the arm is and takes that as the first command. Before the first tick, off the tick path.
  /// @throw DeviceError if the robot is silent, not finite, or outside the position bounds or the workspace.
  /// @throw ConfigError if a workspace is given and the robot does not know where its tool is.
  void arm();

  /// One tick.
  /// @return true when the arm is at rest after a stop, or no longer streamed to: there is nothing left to do
  bool tick(Wake wake) noexcept;

  /// Any thread, at any time.
  [[nodiscard]] State state() const noexcept { return state_.load(std::memory_order_acquire); }
  [[nodiscard]] Cause cause() const noexcept { return cause_.load(std::memory_order_acquire); }
  [[nodiscard]] Nanoseconds running_since_ns() const noexcept {
    return running_since_ns_.load(std::memory_order_acquire);
  }
  [[nodiscard]] std::uint64_t ticks() const noexcept { return ticks_.load(std::memory_order_relaxed); }

  /// After the tick thread has ended.
  [[nodiscard]] const TickStatistics& statistics() const noexcept { return statistics_; }
  [[nodiscard]] const Supervisor& supervisor() const noexcept { return supervisor_; }
  [[nodiscard]] const Limiter& limiter() const noexcept { return limiter_; }

 private:
  [[nodiscard]] bool following_error() const noexcept;
  [[nodiscard]] bool inside_workspace() noexcept;
  [[nodiscard]] Wake paced_by_robot(Nanoseconds now_ns) noexcept;
  void void_the_past() noexcept;
  [[nodiscard]] bool valid(const Chunk& chunk) const noexcept { return chunk.id != 0 && chunk.epoch == epoch_; }
  [[nodiscard]] Signals observe(const Wake& wake, RobotStatus read) noexcept;
  void command(Reaction reaction) noexcept;
  void record(const Wake& wake, Reaction reaction) noexcept;

  ControllerConfig config_;
  Clock& clock_;
  Robot& robot_;
  Exchange exchange_;

  std::vector<Interpolation> interpolation_;
  Limiter limiter_;
  Supervisor supervisor_;
  TickStatistics statistics_;
  RobotState robot_state_;
  RobotStatus written_ = RobotStatus::ok;
  Target target_;
  TickRecord record_;
  Motion motion_;
  Nanoseconds last_cycle_ns_ = 0;  // of a robot that paces
  std::uint64_t epoch_ = 0;        // re-arms so far; what was planned before one is void
  bool left_workspace_ = false;
  std::uint64_t played_chunk_ = 0;
  std::size_t played_row_ = 0;

  std::atomic<State> state_{State::disarmed};
  std::atomic<Cause> cause_{Cause::none};
  std::atomic<Nanoseconds> running_since_ns_{0};
  std::atomic<std::uint64_t> ticks_{0};
};

}  // namespace retain
