// One request to the policy: gather an observation, compute a chunk, judge it, publish it.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "camera/camera.hpp"
#include "engine/engine.hpp"
#include "exchange/triple_buffer.hpp"
#include "runtime/action_codec.hpp"
#include "runtime/admission.hpp"
#include "runtime/chunk.hpp"
#include "runtime/flow.hpp"
#include "runtime/inference_health.hpp"
#include "runtime/latency_histogram.hpp"
#include "runtime/latency_window.hpp"
#include "runtime/motion_history.hpp"
#include "runtime/overlap.hpp"
#include "runtime/recorder.hpp"
#include "runtime/schedule.hpp"

namespace retain {

/// Between a camera thread and the infer thread.
struct CameraFeed {
  TripleBuffer<Frame> frames;
  std::atomic<std::uint64_t> delivered{0};
  std::atomic<std::uint64_t> frozen{0};  ///< pictures held back because they repeated the one before
  std::atomic<std::uint64_t> losses{0};  ///< times the camera was unplugged or broken
};

/// An instruction as the policy's language encoder takes it.
struct Instruction {
  std::vector<std::int64_t> tokens;
  std::vector<std::uint8_t> mask;
};

struct InferenceConfig {
  Schedule schedule;
  Nanoseconds max_frame_age_ns = 0;
  std::uint64_t seed = 0;
  std::size_t flow_steps = 1;
  Instruction instruction;
  std::vector<Interpolation> interpolation;  ///< of the robot's channels
  double guidance_limit = 5.0;               ///< β of rtc_guided
  double ensemble_decay = 0.01;              ///< m of ensemble
  double overlap_share = 1.0;  ///< async: weight of the new chunk where it overlaps the running one; 1: only it counts
};

/// What the infer thread counted. To be read after it has ended.
struct InferenceStatistics {
  std::uint64_t requests = 0;
  std::uint64_t published = 0;
  std::uint64_t rejected_not_finite = 0;
  std::uint64_t rejected_out_of_bounds = 0;
  std::uint64_t rejected_too_fast = 0;
  std::uint64_t rejected_seam = 0;
  std::uint64_t rejected_too_jerky = 0;
  std::uint64_t expired = 0;         ///< chunks that arrived after their last row was due
  std::uint64_t stale_episodes = 0;  ///< times that a due request found no fresh frame
  std::uint64_t spliced = 0;         ///< requests that went on from a running chunk by real-time chunking
  std::uint64_t beyond_splice = 0;   ///< of these, answers that came after their committed rows
  LatencyHistogram latency;          ///< of whole requests, the warm-up excluded
};

/// Engine runs before the first request: one for first-time costs, the rest to measure.
inline constexpr std::uint64_t kWarmUpRuns = 4;

/// The infer thread's work, in two halves so that a virtual clock can put a delay between them.
class Inference {
 public:
  Inference(InferenceConfig config, Clock& clock, Engine& engine, ActionCodec codec, Admission admission,
            std::vector<std::unique_ptr<CameraFeed>>& feeds, const MotionHistory& history, TripleBuffer<Chunk>& chunks,
            InferenceHealth& health, Recorder* recorder = nullptr);

  /// Runs the engine on black pictures: once for its first-time costs, which count nowhere (a warm-up spike poisoned
  /// lerobot's delay estimate for good: #4223), then a few times for a first idea of its latency.
  /// @throw EngineError
  /// @throw ConfigError if the schedule cannot work with that latency (check_feasible)
  void warm_up();

  /// One run on black pictures whose result is dropped, while there is nothing else to do: idle GPUs lower their
  /// clocks. It is watched like a request; an engine's exception is reported to the supervisor.
  void idle() noexcept;

  /// Instead of the warm-up's measurement, where time is virtual.
  /// @throw ConfigError if the schedule cannot work with that latency
  void expect(Nanoseconds latency_ns);

  /// First half: takes the newest frames and the state *at their time*, if a request is due and every frame is new,
  /// fresh and of the right size.
  /// @return whether complete() is to be called
  [[nodiscard]] bool begin() noexcept;

  /// Second half: computes, judges, publishes. An engine's exception ends inference and is reported to the supervisor.
  void complete() noexcept;

  /// When the next observation may be taken at the earliest.
  [[nodiscard]] Nanoseconds next_observation_ns() const noexcept { return next_observation_ns_; }

  /// Of a whole request, as real-time chunking reckons with it now.
  [[nodiscard]] Nanoseconds expected_latency_ns() const noexcept { return latency_.estimate_ns(); }

  [[nodiscard]] const InferenceStatistics& statistics() const noexcept { return statistics_; }
  [[nodiscard]] const Admission& admission() const noexcept { return admission_; }

 private:
  void run_blank();
  void report(const std::exception& error) noexcept;
  void forget_if_rearmed() noexcept;
  [[nodiscard]] bool gather(Nanoseconds now_ns) noexcept;
  [[nodiscard]] Continuation continuation(Nanoseconds now_ns) noexcept;
  void compute();
  [[nodiscard]] bool expired() const noexcept;
  [[nodiscard]] Verdict judge() noexcept;
  [[nodiscard]] ChannelValues origin_of(const Chunk& chunk) const noexcept;
  void publish(Verdict verdict);
  void record(Outcome outcome) noexcept;

  InferenceConfig config_;
  Clock& clock_;
  Engine& engine_;
  ActionCodec codec_;
  Admission admission_;
  std::vector<std::unique_ptr<CameraFeed>>& feeds_;
  const MotionHistory& history_;
  TripleBuffer<Chunk>& chunks_;
  InferenceHealth& health_;
  Recorder* recorder_;
  FlowSampler flow_;
  LatencyWindow latency_;
  Ensemble ensemble_;

  std::vector<std::vector<std::uint8_t>> black_;
  PolicyInput input_;
  std::vector<float> state_;
  std::span<const float> answer_;  // of the flow, until its next call
  std::vector<std::uint64_t> last_number_;
  Motion observed_;
  Nanoseconds observed_ns_ = 0;
  Nanoseconds asked_ns_ = 0;
  std::uint64_t epoch_ = 0;
  Chunk running_;                  // a copy of the chunk published last
  std::vector<double> left_over_;  // of `running_`, in the robot's units
  std::vector<float> spliced_rows_;
  Continuation continuation_;
  Nanoseconds next_observation_ns_ = 0;
  std::uint64_t chunk_id_ = 0;
  bool stale_ = false;
  InferenceStatistics statistics_;
};

}  // namespace retain
