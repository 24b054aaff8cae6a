// The control loop: a tick thread, an infer thread, one thread per camera, a recorder. Nothing on the tick ever waits.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "camera/camera.hpp"
#include "engine/engine.hpp"
#include "robot/robot.hpp"
#include "runtime/controller.hpp"
#include "runtime/crash_dump.hpp"
#include "runtime/inference.hpp"
#include "runtime/run_report.hpp"
#include "runtime/signal_watch.hpp"
#include "runtime/thermal_watch.hpp"

namespace retain {

/// Everything the threads share. Each thread holds a reference of its own, so that a thread left behind by a hung
/// engine keeps what it may still touch.
struct LoopParts {
  LoopParts(std::shared_ptr<Clock> time, std::size_t history_size, std::size_t channels, const Chunk& chunk,
            std::size_t ring_size, std::size_t kept)
      : clock(std::move(time)), history(history_size, channels), chunks(chunk), recorder(ring_size, kept) {}

  std::shared_ptr<Clock> clock;
  std::shared_ptr<Robot> robot;
  std::vector<std::shared_ptr<Camera>> cameras;  // in the order of `feeds`
  std::shared_ptr<Engine> engine;
  std::vector<std::unique_ptr<CameraFeed>> feeds;  // in the engine's order
  MotionHistory history;
  TripleBuffer<Chunk> chunks;
  std::unique_ptr<CrashRing> crash;  // where a crash dump is asked for
  Recorder recorder;
  InferenceHealth health;
  OperatorRequests requests;
  Surroundings surroundings;
  std::unique_ptr<ThermalWatch> thermal = std::make_unique<ThermalWatch>();
  std::atomic<Heat> hottest{Heat::normal};  ///< of the computer, so far
  std::unique_ptr<Controller> controller;
  std::unique_ptr<Inference> inference;
  RealtimeRequest realtime;
  Nanoseconds period_ns = 0;
  Nanoseconds start_timeout_ns = 0;
  Nanoseconds inference_timeout_ns = 0;
  Nanoseconds keep_warm_ns = 0;  ///< between runs of an idle engine; 0: let it cool
  double hot_speed = 1.0;        ///< share of the velocity limits while the computer throttles itself
  std::string crash_dump;        ///< empty: none
  std::size_t frozen_after = 0;  ///< equal pictures in a row; 0: not watched

  std::atomic<bool> ending{false};  // the tick has finished: all other threads end
  std::atomic<bool> infer_ended{false};
};

/// What can be asked while the loop runs.
struct LoopStatus {
  State state = State::disarmed;
  Cause cause = Cause::none;  ///< of the last fault
  double running_s = 0.0;
  std::uint64_t ticks = 0;
  std::uint64_t chunks = 0;  ///< published
};

LoopStatus status_of(const LoopParts& parts, Nanoseconds until_ns) noexcept;

/// After the tick has ended. Inference is left out where its thread may still be at work.
RunReport report_of(const LoopParts& parts, Nanoseconds ended_ns, bool inference_ended = true);

/// start() → wait() until it says that the run is over → report(). One loop runs at a time in a process, because the
/// process's SIGINT and SIGTERM belong to it: the first ramps the arm down, the second stops streaming at once.
class Loop {
 public:
  explicit Loop(std::shared_ptr<LoopParts> parts);
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  /// Warms the engine up, opens the cameras, arms the robot where it stands, and lets the policy move it as soon as
  /// every camera delivers.
  /// @throw ConfigError if another loop is running or this one was started before
  /// @throw DeviceError if the robot or a camera cannot be started
  /// @throw EngineError if the engine fails on its first run
  void start();

  /// Waits until the run is over, at most this long.
  /// @return whether it is over; then all threads have ended
  bool wait(double timeout_s);

  void request_stop() noexcept { parts_->requests.stop.store(true, std::memory_order_release); }

  /// The operator has looked after a fault and wants to go on; without effect while what was wrong still is, and in a
  /// loop that is not `attended`.
  void request_rearm() noexcept { parts_->requests.rearm.store(true, std::memory_order_release); }
  void request_drop() noexcept { parts_->requests.drop.store(true, std::memory_order_release); }

  /// Has the black box written at the run's end, whatever that will be.
  void request_save() noexcept { parts_->recorder.request_save(); }

  [[nodiscard]] LoopStatus status() const noexcept;

  /// @throw ConfigError before the run is over
  [[nodiscard]] RunReport report() const;
  [[nodiscard]] std::vector<TickRecord> records() const;

 private:
  void open_cameras();
  void wait_for_frames();
  void join();

  std::shared_ptr<LoopParts> parts_;
  std::unique_ptr<SignalWatch> signals_;
  std::unique_ptr<CrashDump> crash_dump_;
  std::vector<RealtimeGrant> grants_;
  std::thread tick_;
  std::thread infer_;
  std::thread record_;
  std::thread housekeeping_;
  std::vector<std::thread> cameras_;
  Nanoseconds ended_ns_ = 0;
  bool started_ = false;
  bool over_ = false;
  bool left_behind_ = false;
};

}  // namespace retain
