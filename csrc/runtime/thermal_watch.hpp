// The computer's own temperatures against its own trip points, read from sysfs off the tick thread.
#pragma once

#include <atomic>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "runtime/thermal_level.hpp"

namespace retain {

/// One look at all zones.
struct ThermalReading {
  std::string hottest;                                                ///< name of the zone nearest to its limits
  double temperature_c = std::numeric_limits<double>::quiet_NaN();    ///< of that zone; NaN: no zone could be read
  double passive_margin_c = std::numeric_limits<double>::infinity();  ///< to its passive trip; infinite: has none
  double critical_margin_c = std::numeric_limits<double>::infinity();
  Heat level = Heat::normal;  ///< the highest of all zones
};

/// Finds the thermal zones once, then reads them whenever it is asked (ten times a second is plenty). A zone that
/// cannot be read now, as a GPU's that sleeps, keeps its level.
class ThermalWatch {
 public:
  /// @param folder where thermal_zone0, thermal_zone1, … lie
  explicit ThermalWatch(const std::filesystem::path& folder = "/sys/class/thermal");

  /// Supervisor thread.
  ThermalReading read();

  /// The last reading's level. Any thread, the tick's included.
  [[nodiscard]] Heat level() const noexcept { return level_.load(std::memory_order_relaxed); }

  /// How many zones there are; with none nothing is known and the level stays normal.
  [[nodiscard]] std::size_t zones() const noexcept { return zones_.size(); }

 private:
  struct Zone {
    std::string name;
    std::filesystem::path temperature;
    std::optional<double> passive_c;
    std::optional<double> critical_c;
    ThermalLevel level;
  };

  std::vector<Zone> zones_;
  std::atomic<Heat> level_{Heat::normal};
};

}  // namespace retain
