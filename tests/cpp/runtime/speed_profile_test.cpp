#include "runtime/speed_profile.hpp"

#include <doctest.h>

#include <algorithm>
#include <cmath>
#include <random>

using retain::JointMotion;
using retain::ProfileLimits;
using retain::Reach;
using retain::SpeedProfile;

namespace {

struct Case {
  ProfileLimits limits;
  double velocity;
  double acceleration;
  double goal;
};

Case draw(std::mt19937_64& random) {
  std::uniform_real_distribution<double> unit(-1.0, 1.0);
  const ProfileLimits limits{.acceleration = std::pow(10.0, 2.0 * unit(random) + 0.5),
                             .jerk = std::pow(10.0, 2.0 * unit(random) + 2.0)};
  return {limits, 3.0 * unit(random), limits.acceleration * unit(random), 3.0 * unit(random)};
}

}  // namespace

TEST_CASE("a speed profile ends at its goal without acceleration, and keeps to both limits on the way") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    CAPTURE(i);
    const Case c = draw(random);
    const SpeedProfile profile(c.velocity, c.acceleration, c.goal, c.limits);
    const JointMotion start{0.5, c.velocity, c.acceleration};
    const double duration_s = profile.duration_s();
    REQUIRE(duration_s >= 0.0);
    JointMotion former = start;
    for (int k = 1; k <= 16; ++k) {
      const JointMotion now = profile.after(start, duration_s * k / 16.0 * (1.0 - 1e-12));
      REQUIRE(std::abs(now.acceleration) <= c.limits.acceleration * (1.0 + 1e-9));
      REQUIRE(std::abs(now.acceleration - former.acceleration) <= c.limits.jerk * duration_s / 16.0 * (1.0 + 1e-6));
      former = now;
    }
    // Just before its end it is there by its own integration, not by the assignment at the end.
    CHECK(former.velocity == doctest::Approx(c.goal).epsilon(1e-6));
    CHECK(std::abs(former.acceleration) < 1e-6 * c.limits.jerk * (1.0 + duration_s));
    const double late_s = 1e-9 + duration_s * 1e-9;
    const JointMotion end = profile.after(start, duration_s + late_s);
    CHECK(end.velocity == c.goal);
    CHECK(end.acceleration == 0.0);
    CHECK(end.position - start.position - c.goal * late_s ==
          doctest::Approx(profile.displacement(c.velocity, c.acceleration)).epsilon(1e-9));
  }
}

TEST_CASE("no profile within the limits is shorter: the bang-bang bound") {
  // From (v, a) the speed after t is at most v + a·t + J·t²/2, and at most v + A·t; and coming to a = 0 costs as much
  // again. A shorter duration would have to break one of these.
  std::mt19937_64 random(2);
  for (int i = 0; i < 20'000; ++i) {
    CAPTURE(i);
    const Case c = draw(random);
    const double t = SpeedProfile(c.velocity, c.acceleration, c.goal, c.limits).duration_s() * 0.999;
    // The greatest and the smallest speed that can be reached with a = 0 after t: jerk +J, then −J, cut at ±A.
    const auto extreme = [&](double sign) {
      const double a = sign * c.acceleration;
      const double peak = std::min((a + c.limits.jerk * t) / 2.0, c.limits.acceleration);
      if (peak < std::max(a, 0.0)) return std::nan("");  // the acceleration cannot even be taken back in this time
      const double rise = (peak * peak - a * a) / (2.0 * c.limits.jerk);
      const double fall = peak * peak / (2.0 * c.limits.jerk);
      const double cruise_s = t - (peak - a) / c.limits.jerk - peak / c.limits.jerk;
      return sign * (sign * c.velocity + rise + fall + peak * std::max(cruise_s, 0.0));
    };
    const double highest = extreme(1.0);
    const double lowest = extreme(-1.0);
    if (std::isnan(highest) || std::isnan(lowest)) continue;
    const bool reachable = c.goal < highest - 1e-9 && c.goal > lowest + 1e-9;
    CHECK_FALSE(reachable);
  }
}

TEST_CASE("the reach of a stop is what a fine simulation of it touches") {
  std::mt19937_64 random(3);
  for (int i = 0; i < 3'000; ++i) {
    CAPTURE(i);
    const Case c = draw(random);
    const SpeedProfile profile(c.velocity, c.acceleration, 0.0, c.limits);
    const JointMotion start{0.0, c.velocity, c.acceleration};
    double low = 0.0;
    double high = 0.0;
    for (int k = 0; k <= 2000; ++k) {
      const double position = profile.after(start, profile.duration_s() * k / 2000.0).position;
      low = std::min(low, position);
      high = std::max(high, position);
    }
    const Reach reach = retain::stop_reach(c.velocity, c.acceleration, c.limits);
    const double scale = 1e-9 + (reach.high - reach.low) * 1e-4;
    CHECK(reach.low <= low + 1e-9 * std::abs(low) + 1e-12);
    CHECK(reach.high >= high - 1e-9 * std::abs(high) - 1e-12);
    CHECK(std::abs(reach.low - low) <= scale);
    CHECK(std::abs(reach.high - high) <= scale);
  }
}
