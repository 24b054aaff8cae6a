// How long the next inference will take, judged by the last ones.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "runtime/clock.hpp"

namespace retain {

/// The second longest of the last ten requests. A single spike has no effect, two are forgotten after ten requests:
/// lerobot's running maximum kept the warm-up's spike for ever (#4223). With fewer than three requests it is the
/// longest so far.
///
/// Only real-time chunking needs to guess: it must say how many rows are committed. Which row plays when is decided by
/// the clock alone.
class LatencyWindow {
 public:
  void record(Nanoseconds latency_ns) noexcept {
    recent_[next_] = latency_ns;
    next_ = (next_ + 1) % kSize;
    count_ = std::min(count_ + 1, kSize);
  }

  /// 0 before the first request.
  [[nodiscard]] Nanoseconds estimate_ns() const noexcept {
    Nanoseconds longest = 0;
    Nanoseconds second = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      second = std::max(second, std::min(longest, recent_[i]));
      longest = std::max(longest, recent_[i]);
    }
    return count_ < 3 ? longest : second;
  }

 private:
  static constexpr std::size_t kSize = 10;

  std::array<Nanoseconds, kSize> recent_{};
  std::size_t next_ = 0;
  std::size_t count_ = 0;
};

}  // namespace retain
