// Percentiles of durations in fixed memory, for a thread that must not allocate.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "runtime/clock.hpp"

namespace retain {

/// How many durations lie above the bucket before and up to this edge.
struct LatencyCount {
  Nanoseconds upper_ns = 0;
  std::uint64_t count = 0;
};

/// Logarithmic buckets with 32 linear parts each: percentiles are exact to 1/32 (3 %), from 1 ns to 18 minutes. The
/// maximum and the mean are exact. Negative durations count as zero.
class LatencyHistogram {
 public:
  void record(Nanoseconds duration_ns) noexcept;

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] Nanoseconds max_ns() const noexcept { return max_ns_; }
  [[nodiscard]] double mean_ns() const noexcept {
    return count_ == 0 ? 0.0 : static_cast<double>(sum_ns_) / static_cast<double>(count_);
  }

  /// The smallest bucket edge that at least `share` of the durations do not exceed; 0 without durations.
  /// @param share in [0, 1]
  [[nodiscard]] Nanoseconds percentile_ns(double share) const noexcept;

  /// The buckets that hold anything, shortest durations first. Not on the tick: it allocates.
  [[nodiscard]] std::vector<LatencyCount> counts() const;

 private:
  static constexpr int kPartBits = 5;
  static constexpr std::uint64_t kParts = 1U << kPartBits;
  static constexpr std::size_t kBuckets = (40 - kPartBits + 1) * kParts;

  static std::size_t bucket_of(std::uint64_t value) noexcept;
  static Nanoseconds upper_edge(std::size_t bucket) noexcept;

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  Nanoseconds sum_ns_ = 0;
  Nanoseconds max_ns_ = 0;
};

}  // namespace retain
