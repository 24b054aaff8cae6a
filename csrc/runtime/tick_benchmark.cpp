#include "runtime/tick_benchmark.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <thread>

#include "error.hpp"
#include "runtime/controller.hpp"

namespace retain {

namespace {

class MemoryRobot final : public Robot {
 public:
  explicit MemoryRobot(std::size_t joints) {
    for (std::size_t j = 0; j < joints; ++j) channels_.push_back({"joint " + std::to_string(j), "rad"});
  }
  [[nodiscard]] const std::vector<RobotChannel>& channels() const noexcept override { return channels_; }
  [[nodiscard]] RobotStatus read(std::int64_t now_ns, RobotState& state) noexcept override {
    state.time_ns = now_ns;
    state.position = position_;
    return RobotStatus::ok;
  }
  [[nodiscard]] RobotStatus write(std::span<const double> command) noexcept override {
    std::copy(command.begin(), command.end(), position_.begin());
    return RobotStatus::ok;
  }
  void drop() noexcept override {}

 private:
  std::vector<RobotChannel> channels_;
  ChannelValues position_{};
};

rusage thread_usage() noexcept {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage;
}

std::uint64_t more(long before, long after) noexcept { return static_cast<std::uint64_t>(after - before); }

// A gentle wave on every joint, starting where the arm is commanded to be.
void write_wave(Chunk& chunk, std::uint64_t id, Nanoseconds now_ns) noexcept {
  chunk.id = id;
  chunk.observed_ns = chunk.start_ns = now_ns;
  chunk.dt_ns = to_ns(0.1);
  chunk.playable_rows = chunk.rows;
  for (std::size_t i = 0; i < chunk.planned.size(); ++i) {
    const double row_s = to_s(now_ns) + 0.1 * static_cast<double>(i / chunk.channels + 1);
    chunk.planned[i] = chunk.policy[i] = 0.3 * std::sin(row_s + static_cast<double>(i % chunk.channels));
  }
}

}  // namespace

TickBenchmark benchmark_tick(std::size_t joints, double rate_hz, double duration_s, const RealtimeRequest& realtime) {
  if (joints < 1 || joints > kMaxChannels || !(rate_hz >= 1.0) || !(duration_s > 0.0)) {
    throw ConfigError("expected 1 to " + std::to_string(kMaxChannels) +
                      " joints, a rate of at least 1 Hz and some duration");
  }
  constexpr std::size_t kRows = 16;
  const std::vector<ChannelLimits> limits(joints, {"joint", Interpolation::linear, -1.0, 1.0, 3.0, 40.0, 2000.0});
  MonotonicClock clock;
  MemoryRobot robot(joints);
  MotionHistory history(static_cast<std::size_t>(2.0 * rate_hz) + 2, joints);
  TripleBuffer<Chunk> chunks{Chunk(kRows, joints)};
  Recorder recorder(static_cast<std::size_t>(2.0 * rate_hz), 1);
  InferenceHealth health;
  OperatorRequests requests;
  Surroundings surroundings;
  const std::unique_ptr<CrashRing> crash = std::make_unique<CrashRing>(joints);
  requests.go.store(true);
  const SupervisorLimits supervisor{.hold_timeout_ns = to_ns(duration_s + 60.0),
                                    .first_chunk_timeout_ns = to_ns(60.0),
                                    .inference_timeout_ns = to_ns(60.0),
                                    .state_timeout_ns = to_ns(60.0),
                                    .rejections = 2,
                                    .overruns_per_s = static_cast<std::uint64_t>(rate_hz) + 1};
  Controller controller({.period_ns = to_ns(1.0 / rate_hz),
                         .duration_ns = to_ns(duration_s),
                         .limits = limits,
                         .following_error = std::vector<double>(joints, 1.0),
                         .supervisor = supervisor},
                        clock, robot, Exchange{chunks, health, requests, surroundings, history, recorder, crash.get()});
  controller.arm();

  TickBenchmark result;
  std::atomic<bool> finished{false};
  std::thread tick([&] {
    result.realtime = request_realtime(realtime);
    Pacer pacer(clock.now_ns(), to_ns(1.0 / rate_hz));
    const Nanoseconds begun_ns = clock.now_ns();
    const rusage before = thread_usage();
    while (!controller.tick(pacer.wait(clock))) {
    }
    const rusage after = thread_usage();
    result.duration_s = to_s(clock.now_ns() - begun_ns);
    result.page_faults = more(before.ru_minflt, after.ru_minflt) + more(before.ru_majflt, after.ru_majflt);
    result.voluntary_switches = more(before.ru_nvcsw, after.ru_nvcsw);
    finished.store(true, std::memory_order_release);
  });
  while (!finished.load(std::memory_order_acquire)) {
    write_wave(chunks.back(), ++result.chunks, clock.now_ns());
    chunks.publish();
    for (int i = 0; i < 10; ++i) {
      recorder.drain();
      clock.sleep_until(clock.now_ns() + to_ns(0.05));
    }
  }
  tick.join();
  release_realtime(result.realtime);
  const TickStatistics& statistics = controller.statistics();
  result.lateness = summarize(statistics.lateness);
  result.body = summarize(statistics.body);
  result.lateness_counts = statistics.lateness.counts();
  result.body_counts = statistics.body.counts();
  result.ticks = statistics.ticks;
  result.actions = statistics.actions;
  result.skipped = statistics.skipped;
  return result;
}

}  // namespace retain
