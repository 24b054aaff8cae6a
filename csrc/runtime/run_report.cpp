#include "runtime/run_report.hpp"

namespace retain {

LatencySummary summarize(const LatencyHistogram& histogram) noexcept {
  return {.count = histogram.count(),
          .mean_s = histogram.mean_ns() / static_cast<double>(kNanosecondsPerSecond),
          .p50_s = to_s(histogram.percentile_ns(0.5)),
          .p99_s = to_s(histogram.percentile_ns(0.99)),
          .p999_s = to_s(histogram.percentile_ns(0.999)),
          .max_s = to_s(histogram.max_ns())};
}

}  // namespace retain
