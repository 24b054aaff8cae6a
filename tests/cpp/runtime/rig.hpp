// The whole loop but for its threads, under a virtual clock: ticks, frames and inference happen when a test says so.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/controller.hpp"
#include "runtime/inference.hpp"
#include "runtime/scripted_devices.hpp"

namespace retain::testing {

/// What a scenario varies. Times in seconds of virtual time.
struct Scenario {
  Strategy strategy = Strategy::async;
  std::size_t horizon = 16;
  std::size_t execute_rows = 8;
  double dt_s = 0.1;
  double rate_hz = 500.0;
  bool delta = false;                                                                 ///< joint actions are deltas
  std::function<double(std::uint64_t)> delay_s = [](std::uint64_t) { return 0.05; };  ///< of request k, from 1
  std::function<bool(double)> camera_works = [](double) { return true; };
  std::function<std::uint64_t(double)> lost_periods = [](double) {
    return 0;
  };  ///< ticks stolen before this time's tick
  double frame_latency_s = 0.02;
  double frame_rate_hz = 30.0;
  double max_frame_age_s = 0.25;
  double hold_timeout_s = 1.6;
  double inference_timeout_s = 2.0;
  double start_timeout_s = 5.0;
  double following_error = 1e9;
  std::uint64_t overruns_per_s = 125;
  AdmissionRules admission;
  bool attended = false;
  std::optional<Workspace> workspace{};
  double temperature_limit_c = std::numeric_limits<double>::infinity();
  std::size_t max_trained_delay = 6;
  double overlap_share = 1.0;
  double expected_delay_s = 0.0;  ///< what the loop is told of its latency beforehand
};

inline std::vector<ChannelLimits> rig_limits() {
  return {{"a", Interpolation::linear, -2.0, 2.0, 1.0, 5.0, 100.0},
          {"b", Interpolation::linear, -2.0, 2.0, 1.0, 5.0, 100.0},
          {"cup", Interpolation::hold, 0.0, 1.0, 0.0, 0.0, 0.0}};
}

class Rig {
 public:
  static constexpr std::size_t kChannels = 3;

  Rig(const Scenario& scenario, ScriptedEngine::Script script)
      : scenario_(scenario),
        clock(to_ns(100.0)),
        period_ns_(to_ns(1.0 / scenario.rate_hz)),
        robot({{"a", "rad"}, {"b", "rad"}, {"cup", "1"}}, LimitsWatch(rig_limits(), 1.0 / scenario.rate_hz),
              {0.0, 0.0, 0.0}),
        engine(scenario.horizon, kChannels, std::move(script)),
        history(2048, kChannels),
        chunks(Chunk(scenario.horizon, kChannels)),
        recorder(1 << 10, 1 << 20) {
    feeds.push_back(std::make_unique<CameraFeed>());
    const SupervisorLimits supervisor{.hold_timeout_ns = to_ns(scenario.hold_timeout_s),
                                      .first_chunk_timeout_ns = to_ns(scenario.start_timeout_s),
                                      .inference_timeout_ns = to_ns(scenario.inference_timeout_s),
                                      .state_timeout_ns = to_ns(0.1),
                                      .rejections = 2,
                                      .overruns_per_s = scenario.overruns_per_s,
                                      .attended = scenario.attended};
    controller = std::make_unique<Controller>(
        ControllerConfig{.period_ns = period_ns_,
                         .duration_ns = 0,
                         .limits = rig_limits(),
                         .following_error = std::vector<double>(kChannels, scenario.following_error),
                         .supervisor = supervisor,
                         .workspace = scenario.workspace,
                         .temperature_limit_c = scenario.temperature_limit_c},
        clock, robot, Exchange{chunks, health, requests, surroundings, history, recorder, crash.get()});
    const std::vector<StateChannel> state{{"a", 0.0, 1.0}, {"b", 0.0, 1.0}, {"cup", 0.0, 1.0}};
    const std::vector<ActionChannel> action{
        {"a", 0.0, 1.0, scenario.delta}, {"b", 0.0, 1.0, scenario.delta}, {"cup", 0.0, 1.0, false}};
    inference = std::make_unique<Inference>(
        InferenceConfig{.schedule = {.strategy = scenario.strategy,
                                     .horizon = scenario.horizon,
                                     .execute_rows = scenario.execute_rows,
                                     .dt_ns = to_ns(scenario.dt_s),
                                     .max_trained_delay = scenario.max_trained_delay},
                        .max_frame_age_ns = to_ns(scenario.max_frame_age_s),
                        .seed = 1,
                        .flow_steps = 4,
                        .instruction = {{1, 2}, {1, 1}},
                        .interpolation = {Interpolation::linear, Interpolation::linear, Interpolation::hold},
                        .overlap_share = scenario.overlap_share},
        clock, engine, ActionCodec(state, action, robot.channels()), Admission(rig_limits(), scenario.admission), feeds,
        history, chunks, health);
    inference->warm_up();
    if (scenario.expected_delay_s > 0.0) inference->expect(to_ns(scenario.expected_delay_s));
    controller->arm();
    start_ns = due_ns_ = clock.now_ns();
    feeds[0]->frames.back() = frame(start_ns, 1);
    feeds[0]->frames.publish();
    requests.go.store(true);
  }

  static Frame frame(Nanoseconds taken_ns, std::uint64_t number) {
    Frame made;
    made.sensor_time_ns = taken_ns;
    made.number = number;
    made.height = made.width = 4;
    made.rgb.assign(48, 0);
    return made;
  }

  /// Runs until a time since the start, or until the loop is finished. `each` sees the state after every tick.
  void run_until(double until_s, const std::function<void(double)>& each = {}) {
    while (!finished && time_s() < until_s) {
      const std::uint64_t lost = scenario_.lost_periods(time_s());
      due_ns_ += period_ns_ * static_cast<Nanoseconds>(1 + lost);
      deliver_until(due_ns_);
      clock.advance_to(due_ns_);
      finished = controller->tick({.due_ns = due_ns_, .now_ns = due_ns_, .skipped = lost});
      recorder.drain();
      if (each) each(time_s());
    }
  }

  [[nodiscard]] double time_s() const { return to_s(clock.now_ns() - start_ns); }
  [[nodiscard]] State state() const { return controller->supervisor().state(); }
  [[nodiscard]] Cause cause() const { return controller->supervisor().cause(); }

  Scenario scenario_;
  VirtualClock clock;
  Nanoseconds period_ns_;
  ScriptedRobot robot;
  ScriptedEngine engine;
  MotionHistory history;
  TripleBuffer<Chunk> chunks;
  Recorder recorder;
  InferenceHealth health;
  OperatorRequests requests;
  Surroundings surroundings;
  std::unique_ptr<CrashRing> crash = std::make_unique<CrashRing>(kChannels);
  std::vector<std::unique_ptr<CameraFeed>> feeds;
  std::unique_ptr<Controller> controller;
  std::unique_ptr<Inference> inference;
  Nanoseconds start_ns = 0;
  bool finished = false;

 private:
  // Frames and answers that fall between two ticks, at their own instants, in order.
  void deliver_until(Nanoseconds instant_ns) {
    const Nanoseconds step_ns = to_ns(0.001);
    for (Nanoseconds now_ns = clock.now_ns(); now_ns < instant_ns; now_ns += step_ns) {
      clock.advance_to(now_ns);
      const Nanoseconds taken_ns = start_ns + frames_ * to_ns(1.0 / scenario_.frame_rate_hz);
      if (taken_ns + to_ns(scenario_.frame_latency_s) <= now_ns) {
        ++frames_;
        if (scenario_.camera_works(to_s(taken_ns - start_ns))) {
          feeds[0]->frames.back() = frame(taken_ns, static_cast<std::uint64_t>(frames_) + 1);
          feeds[0]->frames.publish();
        }
      }
      if (answer_ns_ && *answer_ns_ <= now_ns) {
        answer_ns_.reset();
        inference->complete();
      }
      if (!answer_ns_ && controller->state() == State::running && inference->begin()) {
        answer_ns_ = now_ns + to_ns(scenario_.delay_s(++asked_));
      }
    }
  }

  Nanoseconds due_ns_ = 0;
  Nanoseconds frames_ = 0;
  std::uint64_t asked_ = 0;
  std::optional<Nanoseconds> answer_ns_;
};

/// Chunks that go on from the measured state: joint a at `speed` per second, b at rest, the cup off.
inline ScriptedEngine::Script drift(double speed, double dt_s = 0.1) {
  return [=](std::uint64_t, std::span<const float> state, std::span<float> chunk) {
    for (std::size_t row = 0; row < chunk.size() / 3; ++row) {
      chunk[3 * row] = state[0] + static_cast<float>(speed * dt_s * static_cast<double>(row + 1));
      chunk[3 * row + 1] = state[1];
    }
  };
}

}  // namespace retain::testing
