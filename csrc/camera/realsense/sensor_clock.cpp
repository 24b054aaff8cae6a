#include "camera/realsense/sensor_clock.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace retain::rs {

namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kWrapNs = (std::int64_t{1} << 32) * 1000;  // a 32-bit count of microseconds
constexpr std::int64_t kWrapToleranceNs = kSecondNs;
constexpr std::int64_t kStepNs = 2'000'000;  // what slewing cannot do between two frames
constexpr std::int64_t kStepMemoryNs = 10 * kSecondNs;
constexpr double kGreatestStampMs = 9.0e12;  // 285 years; more would not fit 64 bits of nanoseconds

}  // namespace

void SlidingMinimum::add(std::int64_t now_ns, std::int64_t value) noexcept {
  const std::int64_t second = now_ns / kSecondNs;
  Bucket& bucket = buckets_[static_cast<std::size_t>(((second % kSeconds) + kSeconds) % kSeconds)];
  if (bucket.second != second) bucket = {second, value};
  bucket.least = std::min(bucket.least, value);
}

std::int64_t SlidingMinimum::least(std::int64_t now_ns) const noexcept {
  const std::int64_t second = now_ns / kSecondNs;
  std::int64_t least = INT64_MAX;
  for (const Bucket& bucket : buckets_) {
    if (bucket.second > second - kSeconds) least = std::min(least, bucket.least);
  }
  return least;
}

std::int64_t SensorClock::to_monotonic(const Stamp& stamp, std::int64_t arrival_ns,
                                       std::int64_t wall_offset_ns) noexcept {
  if (clock_ != stamp.clock) {
    // librealsense begins with the device's clock and goes over to global time once it has learned the relation.
    restart();
    clock_ = stamp.clock;
  }
  std::int64_t delay_ns = 0;
  if (std::abs(stamp.time_ms) < kGreatestStampMs) {  // false for NaN
    const auto stamp_ns = static_cast<std::int64_t>(std::llround(stamp.time_ms * 1e6));
    delay_ns = stamp.clock == Stamp::Clock::device ? device_delay(stamp_ns, arrival_ns)
                                                   : wall_delay(stamp_ns, arrival_ns, wall_offset_ns);
  }
  const std::int64_t wanted_ns = arrival_ns - delay_ns - std::max<std::int64_t>(stamp.exposure_lag_ns, 0);
  last_result_ns_ = std::max(last_result_ns_, std::min(wanted_ns, arrival_ns));
  return last_result_ns_;
}

void SensorClock::restart() noexcept {
  clock_.reset();
  last_.reset();
  wrapped_ns_ = 0;
  offset_ns_.clear();
  wall_offset_ns_.reset();
  step_.reset();
  usual_delay_ns_ = 0;
}

std::int64_t SensorClock::device_delay(std::int64_t stamp_ns, std::int64_t arrival_ns) noexcept {
  if (last_ && stamp_ns < last_->stamp_ns) {
    const std::int64_t passed_ns = stamp_ns + kWrapNs - last_->stamp_ns;
    if (std::abs(passed_ns - (arrival_ns - last_->arrival_ns)) <= kWrapToleranceNs) {
      wrapped_ns_ += kWrapNs;
    } else {
      wrapped_ns_ = 0;
      offset_ns_.clear();
    }
  }
  last_ = Arrival{stamp_ns, arrival_ns};
  const std::int64_t offset_ns = arrival_ns - (stamp_ns + wrapped_ns_);
  offset_ns_.add(arrival_ns, offset_ns);
  return offset_ns - offset_ns_.least(arrival_ns);
}

std::int64_t SensorClock::wall_delay(std::int64_t stamp_ns, std::int64_t arrival_ns,
                                     std::int64_t wall_offset_ns) noexcept {
  if (wall_offset_ns_ && std::abs(wall_offset_ns - *wall_offset_ns_) > kStepNs) {
    step_ = Step{*wall_offset_ns_, arrival_ns};
  }
  wall_offset_ns_ = wall_offset_ns;
  const std::int64_t delay_ns = arrival_ns + wall_offset_ns - stamp_ns;
  if (!step_ || arrival_ns - step_->arrival_ns > kStepMemoryNs) {
    step_.reset();
    usual_delay_ns_ = std::max<std::int64_t>(delay_ns, 0);
    return usual_delay_ns_;
  }
  const std::int64_t before_ns = arrival_ns + step_->offset_before_ns - stamp_ns;
  // Both readings in the future: librealsense's own estimate is still on its way through the step.
  if (delay_ns < 0 && before_ns < 0) return usual_delay_ns_;
  if (delay_ns < 0) return before_ns;
  if (before_ns < 0) return delay_ns;
  return std::abs(delay_ns - usual_delay_ns_) <= std::abs(before_ns - usual_delay_ns_) ? delay_ns : before_ns;
}

}  // namespace retain::rs
