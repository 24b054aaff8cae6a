#include "runtime/thermal_watch.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <system_error>

namespace retain {

namespace {

constexpr double kMilli = 1e-3;
constexpr int kMostTrips = 32;

std::optional<std::string> read_word(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string word;
  if (!(file >> word)) return std::nullopt;
  return word;
}

// °C from a file in thousandths of a degree. The kernel's "no such trip" is a value at or below absolute zero, drivers
// also write 0: neither is a temperature at which a computer does anything.
std::optional<double> read_celsius(const std::filesystem::path& path) {
  std::ifstream file(path);
  double value = 0.0;
  if (!(file >> value)) return std::nullopt;
  return value * kMilli;
}

// The lowest trip of a kind: that one acts first.
std::optional<double> lowest_trip(const std::filesystem::path& zone, const std::string& kind) {
  std::optional<double> lowest;
  for (int i = 0; i < kMostTrips; ++i) {
    const std::string stem = "trip_point_" + std::to_string(i);
    const std::optional<std::string> type = read_word(zone / (stem + "_type"));
    if (!type) break;
    const std::optional<double> celsius = read_celsius(zone / (stem + "_temp"));
    if (*type != kind || !celsius || *celsius <= 0.0) continue;
    lowest = std::min(lowest.value_or(*celsius), *celsius);
  }
  return lowest;
}

double margin(std::optional<double> trip, double temperature) {
  return trip ? *trip - temperature : std::numeric_limits<double>::infinity();
}

}  // namespace

ThermalWatch::ThermalWatch(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> found;
  std::error_code missing;
  for (const auto& entry : std::filesystem::directory_iterator(folder, missing)) {
    if (entry.path().filename().string().starts_with("thermal_zone")) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  for (const std::filesystem::path& zone : found) {
    const std::optional<double> passive = lowest_trip(zone, "passive");
    const std::optional<double> critical = lowest_trip(zone, "critical");
    zones_.push_back({read_word(zone / "type").value_or(zone.filename().string()), zone / "temp", passive, critical,
                      ThermalLevel(thresholds_from_trips(passive, critical))});
  }
}

ThermalReading ThermalWatch::read() {
  ThermalReading reading;
  double nearest = std::numeric_limits<double>::infinity();
  for (Zone& zone : zones_) {
    const std::optional<double> celsius = read_celsius(zone.temperature);
    reading.level = std::max(reading.level, celsius ? zone.level.update(*celsius) : zone.level.level());
    if (!celsius) continue;
    const double passive = margin(zone.passive_c, *celsius);
    const double critical = margin(zone.critical_c, *celsius);
    const double least = std::min(passive, critical);
    // Among zones without trips the warmer one; any zone with a trip comes before them.
    const bool closer =
        least < nearest || (std::isinf(least) && std::isinf(nearest) && !(*celsius <= reading.temperature_c));
    if (!closer) continue;
    nearest = least;
    reading.hottest = zone.name;
    reading.temperature_c = *celsius;
    reading.passive_margin_c = passive;
    reading.critical_margin_c = critical;
  }
  level_.store(reading.level, std::memory_order_relaxed);
  return reading;
}

}  // namespace retain
