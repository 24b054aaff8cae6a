#include "runtime/latency_histogram.hpp"

#include <algorithm>
#include <cmath>

namespace retain {

std::size_t LatencyHistogram::bucket_of(std::uint64_t value) noexcept {
  if (value < kParts) return static_cast<std::size_t>(value);
  const int shift = static_cast<int>(std::bit_width(value)) - 1 - kPartBits;
  const std::uint64_t part = (value >> shift) - kParts;
  return std::min(static_cast<std::size_t>((static_cast<std::uint64_t>(shift) + 1) * kParts + part), kBuckets - 1);
}

Nanoseconds LatencyHistogram::upper_edge(std::size_t bucket) noexcept {
  if (bucket < kParts) return static_cast<Nanoseconds>(bucket);
  const std::uint64_t shift = bucket / kParts - 1;
  const std::uint64_t part = bucket % kParts + kParts;
  return static_cast<Nanoseconds>(((part + 1) << shift) - 1);
}

void LatencyHistogram::record(Nanoseconds duration_ns) noexcept {
  const Nanoseconds value = std::max<Nanoseconds>(duration_ns, 0);
  ++buckets_[bucket_of(static_cast<std::uint64_t>(value))];
  ++count_;
  sum_ns_ += value;
  max_ns_ = std::max(max_ns_, value);
}

Nanoseconds LatencyHistogram::percentile_ns(double share) const noexcept {
  if (count_ == 0) return 0;
  const auto wanted =
      std::max<std::uint64_t>(static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_))), 1);
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += buckets_[bucket];
    if (seen >= wanted) return std::min(upper_edge(bucket), max_ns_);
  }
  return max_ns_;
}

std::vector<LatencyCount> LatencyHistogram::counts() const {
  std::vector<LatencyCount> held;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    if (buckets_[bucket] > 0) held.push_back({upper_edge(bucket), buckets_[bucket]});
  }
  return held;
}

}  // namespace retain
