// Properties of the time mapping over simulated cameras whose true exposure times are known.
#include "camera/realsense/sensor_clock.hpp"

#include <doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

using namespace retain::rs;

namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kWrapUs = std::int64_t{1} << 32;
constexpr std::int64_t kStart = 5'000 * kSecond;
constexpr std::int64_t kPeriod = kSecond / 30;

/// A counter of whole microseconds that reads `device_us` at `true_ns` = kStart.
double device_ms(std::int64_t true_ns, std::int64_t device_us, double drift = 0.0) {
  const double passed_us = static_cast<double>(true_ns - kStart) / 1000.0 * (1.0 + drift);
  const auto count = (device_us + static_cast<std::int64_t>(passed_us)) % kWrapUs;
  return static_cast<double>(count) / 1000.0;
}

struct Seen {
  std::int64_t true_ns;
  std::int64_t arrival_ns;
  std::int64_t result_ns;
};

void check_monotone_and_past(const std::vector<Seen>& frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    REQUIRE(frames[i].result_ns <= frames[i].arrival_ns);
    if (i > 0) REQUIRE(frames[i].result_ns >= frames[i - 1].result_ns);
  }
}

}  // namespace

TEST_CASE(
    "any delays, any drift to 100 ppm, over a wrap: error within the least delay and the drift of eight seconds") {
  std::mt19937_64 random(1);
  for (int trial = 0; trial < 200; ++trial) {
    const double drift = std::uniform_real_distribution<double>(-1e-4, 1e-4)(random);
    const std::int64_t least = std::uniform_int_distribution<std::int64_t>(0, 20)(random) * kMs;
    std::exponential_distribution<double> jitter_ms(1.0 / 5.0);
    // Half of the trials begin shortly before the 32-bit counter wraps.
    const std::int64_t begin_us = trial % 2 == 0 ? 1'000'000 : kWrapUs - 3'000'000;
    SensorClock clock;
    std::vector<Seen> frames;
    for (int k = 0; k < 600; ++k) {
      const std::int64_t true_ns = kStart + k * kPeriod;
      const std::int64_t delay = k == 0 ? least : least + static_cast<std::int64_t>(jitter_ms(random) * 1e6);
      const std::int64_t arrival = std::max(true_ns + delay, frames.empty() ? 0 : frames.back().arrival_ns);
      const Stamp stamp{device_ms(true_ns, begin_us, drift), Stamp::Clock::device, 0};
      frames.push_back({true_ns, arrival, clock.to_monotonic(stamp, arrival, 0)});
    }
    check_monotone_and_past(frames);
    const auto slack = static_cast<std::int64_t>(8.0 * 1e9 * std::abs(drift)) + 2000;
    for (std::size_t k = 0; k < frames.size(); ++k) {
      std::int64_t smallest = INT64_MAX;
      for (std::size_t j = k; j + 1 > 0 && frames[k].arrival_ns - frames[j].arrival_ns < 7 * kSecond; --j) {
        smallest = std::min(smallest, frames[j].arrival_ns - frames[j].true_ns);
        if (j == 0) break;
      }
      const std::int64_t error = frames[k].result_ns - frames[k].true_ns;
      REQUIRE(error <= smallest + slack);
      REQUIRE(error >= -slack);
    }
  }
}

TEST_CASE("without jitter the mapping keeps the sensor's spacing to the microsecond") {
  SensorClock clock;
  std::int64_t last = 0;
  for (int k = 0; k < 1000; ++k) {
    const std::int64_t true_ns = kStart + k * kPeriod;
    const Stamp stamp{device_ms(true_ns, 77), Stamp::Clock::device, 0};
    const std::int64_t result = clock.to_monotonic(stamp, true_ns + 12 * kMs, 0);
    if (k > 0) REQUIRE(std::abs(result - last - kPeriod) <= 1500);
    last = result;
  }
}

TEST_CASE("a frame that was held up is as old as it is, not as new as it came") {
  SensorClock clock;
  for (int k = 0; k < 30; ++k) {
    const std::int64_t true_ns = kStart + k * kPeriod;
    clock.to_monotonic({device_ms(true_ns, 0), Stamp::Clock::device, 0}, true_ns + 5 * kMs, 0);
  }
  const std::int64_t true_ns = kStart + 30 * kPeriod;
  const std::int64_t result =
      clock.to_monotonic({device_ms(true_ns, 0), Stamp::Clock::device, 0}, true_ns + 900 * kMs, 0);
  CHECK(std::abs(result - (true_ns + 5 * kMs)) <= 2000);
}

TEST_CASE("a device that was reset begins a new estimate and never goes back in time") {
  for (const std::int64_t uptime_us : {std::int64_t{60'000'000}, kWrapUs / 2, kWrapUs - 60'000'000}) {
    SensorClock clock;
    std::vector<Seen> frames;
    for (int k = 0; k < 200; ++k) {
      // After frame 100 the counter starts anew, and the first frame comes three seconds later.
      const bool after = k >= 100;
      const std::int64_t true_ns = kStart + k * kPeriod + (after ? 3 * kSecond : 0);
      const double stamp_ms = after ? static_cast<double>(k - 100) * 1000.0 / 30.0 : device_ms(true_ns, uptime_us);
      const std::int64_t arrival = true_ns + 8 * kMs + (k % 7) * kMs;
      frames.push_back({true_ns, arrival, clock.to_monotonic({stamp_ms, Stamp::Clock::device, 0}, arrival, 0)});
    }
    check_monotone_and_past(frames);
    for (std::size_t k = 110; k < frames.size(); ++k) {
      REQUIRE(std::abs(frames[k].result_ns - frames[k].true_ns - 8 * kMs) <= 2000);
    }
  }
}

TEST_CASE("the middle of the exposure lies before the stamp") {
  SensorClock clock;
  const std::int64_t result = clock.to_monotonic({1000.0, Stamp::Clock::device, 9 * kMs}, kStart, 0);
  CHECK(result == kStart - 9 * kMs);
}

TEST_CASE("wall-clock stamps are exact, and a step of the wall clock between two frames moves nothing") {
  const std::int64_t day = 1'700'000'000 * kSecond;
  for (const std::int64_t step : {-3600 * kSecond, -kSecond / 2, -50 * kMs, 50 * kMs, kSecond / 2, 3600 * kSecond}) {
    SensorClock clock;
    std::vector<Seen> frames;
    for (int k = 0; k < 900; ++k) {
      const std::int64_t true_ns = kStart + k * kPeriod;
      const std::int64_t delay = 10 * kMs + (k % 5) * kMs;
      const bool stamped_after = k > 100;
      const bool arrives_after = k >= 100;  // frame 100 was stamped before the step and came after it
      const std::int64_t stamp_ns = true_ns + day + (stamped_after ? step : 0);
      const std::int64_t offset = day + (arrives_after ? step : 0);
      const Stamp stamp{static_cast<double>(stamp_ns) / 1e6, Stamp::Clock::wall, 0};
      frames.push_back({true_ns, true_ns + delay, clock.to_monotonic(stamp, true_ns + delay, offset)});
    }
    check_monotone_and_past(frames);
    for (const Seen& frame : frames) REQUIRE(std::abs(frame.result_ns - frame.true_ns) <= 2000);
  }
}

TEST_CASE("after a step nobody takes a stale frame for a fresh one") {
  const std::int64_t day = 1'700'000'000 * kSecond;
  SensorClock clock;
  for (int k = 0; k < 100; ++k) {
    const std::int64_t true_ns = kStart + k * kPeriod;
    const Stamp stamp{static_cast<double>(true_ns + day) / 1e6, Stamp::Clock::wall, 0};
    clock.to_monotonic(stamp, true_ns + 10 * kMs, day);
  }
  const std::int64_t true_ns = kStart + 100 * kPeriod;
  const Stamp stamp{static_cast<double>(true_ns + day) / 1e6, Stamp::Clock::wall, 0};
  const std::int64_t result = clock.to_monotonic(stamp, true_ns + 2 * kSecond, day + 3600 * kSecond);
  CHECK(std::abs(result - true_ns) <= 2000);
}

TEST_CASE("librealsense goes over from the device's clock to global time: no jump back, exact from then on") {
  const std::int64_t day = 1'700'000'000 * kSecond;
  SensorClock clock;
  std::vector<Seen> frames;
  for (int k = 0; k < 60; ++k) {
    const std::int64_t true_ns = kStart + k * kPeriod;
    const Stamp stamp = k < 10 ? Stamp{device_ms(true_ns, 5), Stamp::Clock::device, 0}
                               : Stamp{static_cast<double>(true_ns + day) / 1e6, Stamp::Clock::wall, 0};
    frames.push_back({true_ns, true_ns + 15 * kMs, clock.to_monotonic(stamp, true_ns + 15 * kMs, day)});
  }
  check_monotone_and_past(frames);
  CHECK(std::abs(frames.back().result_ns - frames.back().true_ns) <= 2000);
}

TEST_CASE("hostile stamps give a time that is neither in the future nor going back") {
  std::mt19937_64 random(2);
  const std::vector<double> hostile{NAN, INFINITY, -INFINITY, -1.0, 0.0, 1e300, 4294967.295, 1.7e12, -1e13};
  SensorClock clock;
  std::int64_t last = INT64_MIN;
  for (int k = 0; k < 100'000; ++k) {
    const Stamp stamp{hostile[random() % hostile.size()], random() % 2 == 0 ? Stamp::Clock::device : Stamp::Clock::wall,
                      static_cast<std::int64_t>(random() % 2'000'000'000) - kSecond};
    const std::int64_t arrival = kStart + k * kMs;
    const auto offset = static_cast<std::int64_t>(random() % 3) * 1'700'000'000 * kSecond;
    const std::int64_t result = clock.to_monotonic(stamp, arrival, offset);
    REQUIRE(result <= arrival);
    REQUIRE(result >= last);
    last = result;
  }
}
