// The whole loop under a simulated clock: the same controller, gates, schedule and engine, one thread, no waiting.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/loop.hpp"

namespace retain {

/// What happens to the loop from outside, as functions of its virtual time (s since the start) or of a count from 1.
/// A function that is left out means: as if nothing were wrong.
struct VirtualWorld {
  std::function<double(std::uint64_t request)> delay_s;      ///< how long a request takes; left out: no time
  std::function<bool(double time_s)> frame_arrives;          ///< of all cameras
  std::function<std::uint64_t(double time_s)> lost_periods;  ///< stolen before the tick at this time
  std::function<bool(double time_s)> each;                   ///< after every tick; true stops the run
  double frame_rate_hz = 30.0;
  double frame_latency_s = 0.02;  ///< from the picture to its arrival
};

/// Deterministic: the same devices, engine and world give the same commands to the bit. Cameras are grabbed only when
/// the policy wants to look.
class VirtualLoop {
 public:
  /// @param parts assembled on a VirtualClock (assemble_parts)
  VirtualLoop(std::shared_ptr<LoopParts> parts, VirtualWorld world);

  /// Warms up, starts robot and cameras, arms, and runs until the loop is finished or this much virtual time has passed
  /// since the last call. Can be called again to go on.
  /// @return whether the loop is finished
  /// @throw ConfigError, DeviceError, EngineError as Loop::start()
  bool run(double duration_s);

  void request_stop() noexcept { parts_->requests.stop.store(true); }
  void request_drop() noexcept { parts_->requests.drop.store(true); }
  void request_rearm() noexcept { parts_->requests.rearm.store(true); }

  [[nodiscard]] double time_s() const noexcept { return to_s(parts_->clock->now_ns() - start_ns_); }
  [[nodiscard]] LoopStatus status() const noexcept { return status_of(*parts_, parts_->clock->now_ns()); }
  [[nodiscard]] RunReport report() const { return report_of(*parts_, parts_->clock->now_ns()); }
  [[nodiscard]] std::vector<TickRecord> records() const { return parts_->recorder.records(); }

 private:
  void start();
  void until(Nanoseconds instant_ns);
  void take_frames();
  void deliver_frames();
  void ask();

  std::shared_ptr<LoopParts> parts_;
  VirtualWorld world_;
  VirtualClock& clock_;
  std::vector<Frame> on_the_way_;  // one per camera
  Nanoseconds start_ns_ = 0;
  Nanoseconds due_ns_ = 0;
  Nanoseconds next_frame_ns_ = 0;
  std::optional<Nanoseconds> arrival_ns_;
  std::optional<Nanoseconds> answer_ns_;
  std::uint64_t asked_ = 0;
  bool started_ = false;
  bool finished_ = false;
};

}  // namespace retain
