#include "runtime/thermal_level.hpp"

#include <doctest.h>

#include <cmath>
#include <random>

using namespace retain;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

double begins(const ThermalThresholds& thresholds, Heat level) {
  if (level == Heat::critical) return thresholds.critical;
  if (level == Heat::hot) return thresholds.hot;
  return level == Heat::warm ? thresholds.warm : -kInf;
}

Heat next(Heat level) { return static_cast<Heat>(static_cast<int>(level) + 1); }

}  // namespace

TEST_CASE("for any temperatures: never below what the temperature demands, never above what it still explains") {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> start(40.0, 80.0), gap(0.0, 15.0), slack(0.0, 6.0), step(-4.0, 4.0);
  for (int trial = 0; trial < 500; ++trial) {
    ThermalThresholds thresholds;
    thresholds.warm = start(random);
    thresholds.hot = thresholds.warm + gap(random);
    thresholds.critical = thresholds.hot + gap(random);
    const double hysteresis = slack(random);
    ThermalLevel level(thresholds, hysteresis);
    double temperature = start(random);
    Heat before = level.level();
    for (int i = 0; i < 400; ++i) {
      temperature += step(random);
      const Heat now = level.update(temperature);
      if (now != Heat::critical) CHECK(temperature < begins(thresholds, next(now)));
      CHECK(temperature >= begins(thresholds, now) - hysteresis);
      if (now > before) CHECK(temperature >= begins(thresholds, now));
      if (now < before) CHECK(temperature < begins(thresholds, before) - hysteresis);
      before = now;
    }
  }
}

TEST_CASE("a temperature that hovers within the hysteresis changes the level once") {
  ThermalLevel level({70.0, 80.0, 90.0}, 3.0);
  int changes = 0;
  Heat before = level.level();
  for (int i = 0; i < 1000; ++i) {
    const Heat now = level.update(80.0 + 2.9 * std::sin(i));
    changes += now != before ? 1 : 0;
    before = now;
  }
  CHECK(before == Heat::hot);
  CHECK(changes <= 2);  // warm, then hot
}

TEST_CASE("a sensor that gives no number changes nothing") {
  ThermalLevel level({70.0, 80.0, 90.0});
  CHECK(level.update(85.0) == Heat::hot);
  for (const double nothing : {kNaN, kInf, -kInf}) CHECK(level.update(nothing) == Heat::hot);
  CHECK(level.update(20.0) == Heat::normal);
}

TEST_CASE("levels keep their order for any trips, and without trips nothing is claimed") {
  std::mt19937_64 random(4);
  std::uniform_real_distribution<double> trip(30.0, 120.0);
  for (int i = 0; i < 2000; ++i) {
    const bool has_passive = random() % 2 == 0, has_critical = random() % 2 == 0;
    const std::optional<double> passive = has_passive ? std::optional(trip(random)) : std::nullopt;
    const std::optional<double> critical = has_critical ? std::optional(trip(random)) : std::nullopt;
    const ThermalThresholds thresholds = thresholds_from_trips(passive, critical);
    CHECK(thresholds.warm <= thresholds.hot);
    CHECK(thresholds.hot <= thresholds.critical);
    if (passive) CHECK(thresholds.hot <= *passive);
    CHECK(std::isfinite(thresholds.critical) == has_critical);
    if (critical) CHECK(thresholds.critical < *critical);
  }
  ThermalLevel level(thresholds_from_trips({}, {}));
  CHECK(level.update(1000.0) == Heat::normal);
}
