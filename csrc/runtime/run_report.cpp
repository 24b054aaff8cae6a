#include "runtime/run_report.hpp"

#include "runtime/loop.hpp"

namespace retain {

namespace {

void count_rates(RunReport& report, std::uint64_t actions, std::uint64_t published) noexcept {
  if (!(report.duration_s > 0.0)) return;
  report.action_rate_hz = static_cast<double>(actions) / report.duration_s;
  report.inference_rate_hz = static_cast<double>(published) / report.duration_s;
}

}  // namespace

LatencySummary summarize(const LatencyHistogram& histogram) noexcept {
  return {.count = histogram.count(),
          .mean_s = histogram.mean_ns() / static_cast<double>(kNanosecondsPerSecond),
          .p50_s = to_s(histogram.percentile_ns(0.5)),
          .p99_s = to_s(histogram.percentile_ns(0.99)),
          .p999_s = to_s(histogram.percentile_ns(0.999)),
          .max_s = to_s(histogram.max_ns())};
}

LoopStatus status_of(const LoopParts& parts, Nanoseconds until_ns) noexcept {
  const Controller& controller = *parts.controller;
  const Nanoseconds since_ns = controller.running_since_ns();
  return {.state = controller.state(),
          .cause = controller.cause(),
          .running_s = since_ns == 0 ? 0.0 : to_s(until_ns - since_ns),
          .ticks = controller.ticks(),
          .chunks = parts.health.published.load(std::memory_order_acquire)};
}

RunReport report_of(const LoopParts& parts, Nanoseconds ended_ns, bool inference_ended) {
  const Controller& controller = *parts.controller;
  const TickStatistics& tick = controller.statistics();
  RunReport report;
  report.state = controller.supervisor().state();
  report.cause = controller.supervisor().cause();
  const Nanoseconds since_ns = controller.running_since_ns();
  report.duration_s = since_ns == 0 ? 0.0 : to_s(ended_ns - since_ns);
  report.ticks = tick.ticks;
  report.overruns = tick.overruns;
  report.skipped = tick.skipped;
  report.command_rate_hz = tick.command_rate_hz();
  report.holds = controller.supervisor().holds();
  report.rearmed = controller.supervisor().rearmed();
  report.lateness = summarize(tick.lateness);
  report.body = summarize(tick.body);
  report.device = summarize(tick.device);
  report.frame_age = summarize(tick.frame_age);
  const std::vector<ChannelLimits>& limits = controller.limiter().limits();
  for (std::size_t c = 0; c < limits.size(); ++c) {
    report.channels.push_back({limits[c].name, controller.limiter().counts()[c], {}});
  }
  for (std::size_t i = 0; i < parts.feeds.size(); ++i) {
    const CameraFeed& feed = *parts.feeds[i];
    report.cameras.push_back({parts.cameras[i]->role(), feed.delivered.load(), feed.frozen.load(), feed.losses.load()});
  }
  report.robot = parts.robot->counts();
  report.heat = parts.hottest.load(std::memory_order_relaxed);
  report.records_lost = parts.recorder.lost();
  report.recording = parts.recorder.recording();
  report.infer_thread_left_behind = !inference_ended;
  if (inference_ended) {
    report.inference_counts = parts.inference->statistics();
    report.inference = summarize(report.inference_counts.latency);
    for (std::size_t c = 0; c < limits.size(); ++c) {
      report.channels[c].admission = parts.inference->admission().counts()[c];
    }
  }
  if (parts.health.engine_error.load(std::memory_order_acquire)) report.engine_message = parts.health.engine_message;
  count_rates(report, tick.actions, parts.health.published.load(std::memory_order_acquire));
  return report;
}

}  // namespace retain
