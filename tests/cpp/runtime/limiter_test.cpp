#include "runtime/limiter.hpp"

#include <doctest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "error.hpp"
#include "runtime/limits_watch.hpp"

using retain::ChannelLimits;
using retain::Interpolation;
using retain::Limiter;
using retain::testing::LimitsWatch;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Sanitizers slow the arithmetic down twenty times; they look for other things.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kTicks = 500'000;
#else
constexpr std::size_t kTicks = 10'000'000;
#endif

std::vector<ChannelLimits> one_joint(double velocity = 2.0, double acceleration = 10.0, double jerk = 200.0) {
  return {{"joint", Interpolation::linear, -1.0, 1.0, velocity, acceleration, jerk}};
}

double next(Limiter& limiter, double target, double velocity = 0.0) {
  limiter.follow(std::span(&target, 1), std::span(&velocity, 1));
  return limiter.command()[0];
}

/// Targets from hell: any bit pattern, infinities, steps between the bounds, noise, smooth motion, in random runs.
class Adversary {
 public:
  explicit Adversary(std::uint64_t seed) : random_(seed) {}

  double operator()(const ChannelLimits& limit) {
    if (left_-- == 0) {
      mode_ = static_cast<int>(random_() % 8);
      left_ = static_cast<int>(random_() % 200);
    }
    const double middle = 0.5 * (limit.position_min + limit.position_max);
    const double span = limit.position_max - limit.position_min;
    std::uniform_real_distribution<double> unit(-1.0, 1.0);
    switch (mode_) {
      case 0:
        return std::bit_cast<double>(random_());
      case 1:
        return random_() % 2 ? kInf : -kInf;
      case 2:
        return kNaN;
      case 3:
        return middle + span * unit(random_);
      case 4:
        return random_() % 64 == 0 ? (held_ = middle + 5.0 * span * unit(random_)) : held_;
      case 5:
        return middle + 0.6 * span * std::sin(phase_ += 0.02);
      case 6:
        return random_() % 2 ? limit.position_min : limit.position_max;
      default:
        return std::numeric_limits<double>::denorm_min() * static_cast<double>(random_() % 3);
    }
  }

 private:
  std::mt19937_64 random_;
  int mode_ = 0;
  int left_ = 0;
  double held_ = 0.0;
  double phase_ = 0.0;
};

}  // namespace

TEST_CASE("every command obeys every limit, for ten million ticks of adversarial targets") {
  // Tick rates, limits and joint counts vary between episodes; a failing seed is printed and reproduces the failure.
  std::size_t ticks = 0;
  for (std::uint64_t seed = 0; ticks < kTicks; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<double> unit(0.0, 1.0);
    const double period_s = 1.0 / (50.0 + 950.0 * unit(random));
    std::vector<ChannelLimits> limits;
    for (int c = 0; c < 7; ++c) {
      const double low = -6.0 * unit(random) - 0.01;
      limits.push_back({"joint " + std::to_string(c), c == 6 ? Interpolation::hold : Interpolation::linear, low,
                        low + 0.001 + 12.0 * unit(random), 0.01 + 10.0 * unit(random), 0.05 + 500.0 * unit(random),
                        0.1 * std::pow(10.0, 6.0 * unit(random))});
    }
    Limiter limiter(limits, period_s);
    std::vector<double> start;
    for (const ChannelLimits& limit : limits) {
      start.push_back(limit.position_min + unit(random) * (limit.position_max - limit.position_min));
    }
    limiter.reset(start);
    LimitsWatch watch(limits, period_s);
    watch.start(limiter.command());
    Adversary adversary(seed + 1'000'000);
    Adversary velocities(seed + 2'000'000);
    std::vector<double> target(limits.size());
    std::vector<double> speed(limits.size());
    for (int tick = 0; tick < 2000; ++tick, ++ticks) {
      for (std::size_t c = 0; c < limits.size(); ++c) {
        target[c] = adversary(limits[c]);
        speed[c] = velocities(limits[c]);
      }
      if (random() % 400 == 0) {
        for (int brake = 0; brake < 50; ++brake) {
          limiter.brake();
          watch.see(limiter.command());
        }
      }
      limiter.follow(target, speed);
      watch.see(limiter.command());
    }
    REQUIRE_MESSAGE(watch.broken().empty(), watch.broken());
  }
}

TEST_CASE("braking ends at rest inside the bounds, from full speed towards a bound") {
  Limiter limiter(one_joint(2.0, 10.0), 0.002);
  const double start = -1.0;
  limiter.reset(std::span(&start, 1));
  for (int tick = 0; tick < 300; ++tick) next(limiter, 1.0, 2.0);
  int ticks = 0;
  for (; !limiter.at_rest(); ++ticks) limiter.brake();
  CHECK(std::abs(ticks - 125) <= 1);  // v/A + A/J: 2 rad/s at 10 rad/s² and 200 rad/s³ take 0.25 s, at 500 Hz
  CHECK(limiter.command()[0] <= 1.0);
}

TEST_CASE("a motion within the limits passes unchanged and uncounted") {
  Limiter limiter(one_joint(2.0, 10.0), 0.002);
  const double start = 0.0;
  limiter.reset(std::span(&start, 1));
  for (int tick = 1; tick <= 3000; ++tick) {
    const double t = 0.002 * tick;
    const double target = 0.9 * std::pow(std::sin(t), 3.0);
    const double speed = 2.7 * std::pow(std::sin(t), 2.0) * std::cos(t);
    CHECK(std::abs(next(limiter, target, speed) - target) < 1e-6);
  }
  CHECK(limiter.counts()[0].velocity == 0);
  CHECK(limiter.counts()[0].acceleration == 0);
}

TEST_CASE("a step is reached without overshoot, in the time the limits need") {
  Limiter limiter(one_joint(2.0, 10.0), 0.002);
  const double start = -0.5;
  limiter.reset(std::span(&start, 1));
  int ticks = 0;
  double highest = -0.5;
  while (std::abs(limiter.command()[0] - 0.5) > 1e-9 && ticks < 2000) {
    highest = std::max(highest, next(limiter, 0.5));
    ++ticks;
  }
  CHECK(highest <= 0.5 + 1e-12);
  // 1 rad at 2 rad/s, 10 rad/s², 200 rad/s³: 0.5 s + v/A + A/J.
  CHECK(ticks * 0.002 == doctest::Approx(0.75).epsilon(0.01));
}

TEST_CASE("a target that is not finite brakes the channel and nothing else") {
  std::vector<ChannelLimits> limits{{"a", Interpolation::linear, -1.0, 1.0, 2.0, 10.0, 200.0},
                                    {"b", Interpolation::linear, -1.0, 1.0, 2.0, 10.0, 200.0},
                                    {"cup", Interpolation::hold, 0.0, 1.0, 0.0, 0.0}};
  Limiter limiter(limits, 0.002);
  const std::vector<double> start{0.0, 0.0, 1.0};
  limiter.reset(start);
  const std::vector<double> target{kNaN, 0.5, kNaN};
  const std::vector<double> still{0.0, 0.0, 0.0};
  for (int tick = 0; tick < 1000; ++tick) limiter.follow(target, still);
  CHECK(limiter.command()[0] == 0.0);
  CHECK(limiter.command()[1] == doctest::Approx(0.5));
  CHECK(limiter.command()[2] == 1.0);
  CHECK(limiter.counts()[0].nonfinite == 1000);
  CHECK(limiter.counts()[2].nonfinite == 1000);
}

TEST_CASE("impossible limits are refused") {
  CHECK_THROWS_AS(Limiter(one_joint(0.0, 10.0), 0.002), retain::ConfigError);
  CHECK_THROWS_AS(Limiter(one_joint(kNaN, 10.0), 0.002), retain::ConfigError);
  CHECK_THROWS_AS(Limiter(one_joint(2.0, kInf), 0.002), retain::ConfigError);
  CHECK_THROWS_AS(Limiter(one_joint(2.0, 10.0, 0.0), 0.002), retain::ConfigError);
  CHECK_THROWS_AS(Limiter({{"joint", Interpolation::linear, 1.0, 1.0, 1.0, 1.0, 1.0}}, 0.002), retain::ConfigError);
  CHECK_THROWS_AS(Limiter(one_joint(), 0.0), retain::ConfigError);
}
