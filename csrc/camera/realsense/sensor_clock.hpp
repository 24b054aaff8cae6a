// From a camera's own time stamps to CLOCK_MONOTONIC, without ever taking the time of arrival for the sensor's.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace retain::rs {

/// What a frame says about its own time.
struct Stamp {
  enum class Clock : std::uint8_t {
    device,  ///< the camera's counter: unknown start, may drift, wraps after 2³² µs, starts anew after a reset
    wall,    ///< the host's wall clock, as librealsense's "system time" and "global time"
  };
  double time_ms = 0.0;
  Clock clock = Clock::device;
  std::int64_t exposure_lag_ns = 0;  ///< how long before the stamp the middle of the exposure was, ≥ 0
};

/// The least value of the last eight seconds, in buckets of one second: constant memory and time.
class SlidingMinimum {
 public:
  void add(std::int64_t now_ns, std::int64_t value) noexcept;
  [[nodiscard]] std::int64_t least(std::int64_t now_ns) const noexcept;
  void clear() noexcept { buckets_ = {}; }

 private:
  static constexpr std::int64_t kSeconds = 8;
  struct Bucket {
    std::int64_t second = INT64_MIN / 2;
    std::int64_t least = INT64_MAX;
  };
  std::array<Bucket, kSeconds> buckets_{};
};

/// Maps one camera's stamps. Results never lie in the future and never go back.
///
/// Device clock: offset = min over the window of (arrival − stamp), the frame that was least delayed. The error is the
/// smallest transport delay in the window plus the drift of the two clocks over eight seconds. A stamp that goes back
/// is a wrap where that fits the time that passed to within a second, otherwise a reset: a new estimate begins.
///
/// Wall clock: stamp − (CLOCK_REALTIME − CLOCK_MONOTONIC). For ten seconds after that difference has jumped, a stamp
/// may come from before or after the step: the reading whose delay is nearest to the usual one is taken.
class SensorClock {
 public:
  /// @param arrival_ns when the frame was received, CLOCK_MONOTONIC
  /// @param wall_offset_ns CLOCK_REALTIME − CLOCK_MONOTONIC at that moment; used for wall stamps only
  /// @return the middle of the exposure on CLOCK_MONOTONIC, ns
  std::int64_t to_monotonic(const Stamp& stamp, std::int64_t arrival_ns, std::int64_t wall_offset_ns) noexcept;

  /// Forgets the estimate, as after the device was opened again. Results still never go back.
  void restart() noexcept;

 private:
  std::int64_t device_delay(std::int64_t stamp_ns, std::int64_t arrival_ns) noexcept;
  std::int64_t wall_delay(std::int64_t stamp_ns, std::int64_t arrival_ns, std::int64_t wall_offset_ns) noexcept;

  struct Arrival {
    std::int64_t stamp_ns;
    std::int64_t arrival_ns;
  };
  struct Step {
    std::int64_t offset_before_ns;
    std::int64_t arrival_ns;
  };

  std::optional<Stamp::Clock> clock_;
  std::optional<Arrival> last_;  ///< of the device clock, the stamp as it came
  std::int64_t wrapped_ns_ = 0;
  SlidingMinimum offset_ns_;
  std::optional<std::int64_t> wall_offset_ns_;
  std::optional<Step> step_;
  std::int64_t usual_delay_ns_ = 0;
  std::int64_t last_result_ns_ = INT64_MIN;
};

}  // namespace retain::rs
