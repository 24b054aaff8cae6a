#include "runtime/thermal_level.hpp"

#include <algorithm>
#include <cmath>

namespace retain {

namespace {

constexpr double kWarmBelowPassive_c = 10.0;
constexpr double kCriticalBelowTrip_c = 5.0;
constexpr double kHotBelowCritical_c = 10.0;
constexpr double kWarmBelowCritical_c = 20.0;

Heat reached(const ThermalThresholds& thresholds, double temperature) noexcept {
  if (temperature >= thresholds.critical) return Heat::critical;
  if (temperature >= thresholds.hot) return Heat::hot;
  if (temperature >= thresholds.warm) return Heat::warm;
  return Heat::normal;
}

}  // namespace

const char* to_string(Heat heat) noexcept {
  switch (heat) {
    case Heat::normal:
      return "normal";
    case Heat::warm:
      return "warm";
    case Heat::hot:
      return "hot";
    case Heat::critical:
      return "critical";
  }
  return "?";
}

ThermalThresholds thresholds_from_trips(std::optional<double> passive, std::optional<double> critical) noexcept {
  ThermalThresholds thresholds;
  if (critical) {
    thresholds = {*critical - kWarmBelowCritical_c, *critical - kHotBelowCritical_c, *critical - kCriticalBelowTrip_c};
  }
  if (passive) {
    // Some boards set both trips a few degrees apart: the order of the levels must hold.
    thresholds.hot = std::min(*passive, thresholds.critical);
    thresholds.warm = std::min(*passive - kWarmBelowPassive_c, thresholds.hot);
  }
  return thresholds;
}

Heat ThermalLevel::update(double temperature) noexcept {
  if (!std::isfinite(temperature)) return level_;
  // The level that this temperature reaches from below, and the one that it would still hold coming from above.
  const Heat rising = reached(thresholds_, temperature);
  const Heat falling = reached(thresholds_, temperature + hysteresis_);
  level_ = std::clamp(level_, rising, falling);
  return level_;
}

}  // namespace retain
