#include "runtime/latency_histogram.hpp"

#include <doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

using retain::LatencyHistogram;
using retain::Nanoseconds;

TEST_CASE("percentiles agree with a sorted list to one part in 32") {
  std::mt19937_64 random(5);
  std::lognormal_distribution<double> durations(10.0, 2.0);
  LatencyHistogram histogram;
  std::vector<Nanoseconds> sorted;
  for (int i = 0; i < 50'000; ++i) {
    const auto value = static_cast<Nanoseconds>(durations(random));
    histogram.record(value);
    sorted.push_back(value);
  }
  std::sort(sorted.begin(), sorted.end());
  for (const double share : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::max(std::ceil(share * 50'000.0), 1.0)) - 1;
    const auto exact = static_cast<double>(sorted[rank]);
    const auto found = static_cast<double>(histogram.percentile_ns(share));
    CHECK(found >= exact);
    CHECK(found <= exact * (1.0 + 1.0 / 32.0) + 1.0);
  }
  CHECK(histogram.max_ns() == sorted.back());
  CHECK(histogram.count() == 50'000);
}

TEST_CASE("nothing recorded gives zeros, and no duration is too short or too long") {
  LatencyHistogram histogram;
  CHECK(histogram.percentile_ns(0.5) == 0);
  histogram.record(-5);
  histogram.record(std::numeric_limits<Nanoseconds>::max() / 4);
  CHECK(histogram.percentile_ns(0.0) == 0);
  CHECK(histogram.max_ns() == std::numeric_limits<Nanoseconds>::max() / 4);
}

TEST_CASE("the counts are all durations, in order, and give the percentiles back") {
  std::mt19937_64 random(6);
  std::lognormal_distribution<double> durations(10.0, 3.0);
  LatencyHistogram histogram;
  CHECK(histogram.counts().empty());
  for (int i = 0; i < 5'000; ++i) histogram.record(static_cast<Nanoseconds>(durations(random)));
  std::uint64_t seen = 0;
  Nanoseconds below = -1;
  for (const retain::LatencyCount& one : histogram.counts()) {
    CHECK(one.count > 0);
    CHECK(one.upper_ns > below);
    below = one.upper_ns;
    seen += one.count;
    const double share = (static_cast<double>(seen) - 0.5) / 5'000.0;  // within the bucket, clear of rounding
    CHECK(histogram.percentile_ns(share) == std::min(one.upper_ns, histogram.max_ns()));
  }
  CHECK(seen == 5'000);
}
