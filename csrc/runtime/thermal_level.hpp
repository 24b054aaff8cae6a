// How hot is too hot: four levels over one temperature, with hysteresis. No file, no clock.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

namespace retain {

/// Weakest first.
enum class Heat : std::uint8_t {
  normal,
  warm,      ///< tell the operator
  hot,       ///< the board slows itself down, or is about to: slow the arm
  critical,  ///< the board is about to switch itself off: ramp the arm down while there is still a loop
};

const char* to_string(Heat heat) noexcept;

/// Where the levels begin [°C]. Infinite: that level is never reached.
struct ThermalThresholds {
  double warm = std::numeric_limits<double>::infinity();
  double hot = std::numeric_limits<double>::infinity();
  double critical = std::numeric_limits<double>::infinity();
};

/// Thresholds from a zone's own trip points: warm 10 °C below the passive trip, hot at it; critical 5 °C below the
/// critical trip. Where only the critical trip is known, warm and hot lie 20 and 10 °C below it.
/// @param passive,critical [°C]; none: the zone has no such trip
ThermalThresholds thresholds_from_trips(std::optional<double> passive, std::optional<double> critical) noexcept;

/// Rises at once, falls only after the temperature has gone a hysteresis below the level's threshold: a temperature
/// that hovers does not make the arm's speed flicker.
class ThermalLevel {
 public:
  /// @param hysteresis [°C], at least 0
  explicit ThermalLevel(ThermalThresholds thresholds, double hysteresis = 3.0) noexcept
      : thresholds_(thresholds), hysteresis_(hysteresis) {}

  /// @param temperature [°C]; a sensor that gives no number changes nothing
  Heat update(double temperature) noexcept;

  [[nodiscard]] Heat level() const noexcept { return level_; }

 private:
  ThermalThresholds thresholds_;
  double hysteresis_;
  Heat level_ = Heat::normal;
};

}  // namespace retain
