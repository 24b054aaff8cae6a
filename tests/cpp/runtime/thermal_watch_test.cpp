// Thermal zones as files, as sysfs shows them on a Jetson and on a PC.
#include "runtime/thermal_watch.hpp"

#include <doctest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <random>

using namespace retain;

namespace {

namespace fs = std::filesystem;

class Zones {
 public:
  Zones() : root_(fs::temp_directory_path() / ("retain-thermal-" + std::to_string(std::random_device{}()))) {
    fs::create_directories(root_);
  }
  Zones(const Zones&) = delete;
  Zones& operator=(const Zones&) = delete;
  ~Zones() { fs::remove_all(root_); }

  void write(int zone, const std::string& file, const std::string& text) const {
    const fs::path folder = root_ / ("thermal_zone" + std::to_string(zone));
    fs::create_directories(folder);
    std::ofstream(folder / file) << text << '\n';
  }
  void heat(int zone, double celsius) const { write(zone, "temp", std::to_string(std::lround(celsius * 1000.0))); }
  void remove(int zone, const std::string& file) const {
    fs::remove(root_ / ("thermal_zone" + std::to_string(zone)) / file);
  }
  [[nodiscard]] const fs::path& root() const { return root_; }

 private:
  fs::path root_;
};

// Trips of an Orin's cpu-thermal: throttling at 99 °C, shutdown at 104.5 °C, and one that is switched off.
void orin_cpu(const Zones& zones, int zone) {
  zones.write(zone, "type", "cpu-thermal");
  zones.write(zone, "trip_point_0_type", "critical");
  zones.write(zone, "trip_point_0_temp", "104500");
  zones.write(zone, "trip_point_1_type", "passive");
  zones.write(zone, "trip_point_1_temp", "99000");
  zones.write(zone, "trip_point_2_type", "passive");
  zones.write(zone, "trip_point_2_temp", "-274000");
}

}  // namespace

TEST_CASE("the zone nearest to its own limit counts, not the warmest one") {
  const Zones zones;
  orin_cpu(zones, 0);
  zones.heat(0, 60.0);
  zones.write(1, "type", "nvme");
  zones.write(1, "trip_point_0_type", "critical");
  zones.write(1, "trip_point_0_temp", "70000");
  zones.heat(1, 55.0);
  ThermalWatch watch(zones.root());
  CHECK(watch.zones() == 2);
  const ThermalReading reading = watch.read();
  CHECK(reading.hottest == "nvme");
  CHECK(reading.temperature_c == doctest::Approx(55.0));
  CHECK(reading.critical_margin_c == doctest::Approx(15.0));
  CHECK(std::isinf(reading.passive_margin_c));
  CHECK(reading.level == Heat::warm);
}

TEST_CASE("a board that heats up goes through all levels and comes back") {
  const Zones zones;
  orin_cpu(zones, 0);
  zones.heat(0, 50.0);
  ThermalWatch watch(zones.root());
  const auto at = [&](double celsius) {
    zones.heat(0, celsius);
    const Heat level = watch.read().level;
    CHECK(watch.level() == level);
    return level;
  };
  CHECK(at(50.0) == Heat::normal);
  CHECK(at(89.5) == Heat::warm);
  CHECK(at(99.0) == Heat::hot);
  CHECK(at(97.0) == Heat::hot);
  CHECK(at(99.6) == Heat::critical);
  CHECK(at(20.0) == Heat::normal);
  CHECK(watch.read().passive_margin_c == doctest::Approx(79.0));
}

TEST_CASE("a zone that cannot be read keeps its level and is not taken for cold") {
  const Zones zones;
  orin_cpu(zones, 0);
  zones.heat(0, 99.2);
  zones.write(1, "type", "gpu-thermal");
  zones.heat(1, 40.0);
  ThermalWatch watch(zones.root());
  CHECK(watch.read().level == Heat::hot);
  zones.remove(0, "temp");
  const ThermalReading reading = watch.read();
  CHECK(reading.level == Heat::hot);
  CHECK(reading.hottest == "gpu-thermal");
  zones.write(0, "temp", "invalid");
  CHECK(watch.read().level == Heat::hot);
}

TEST_CASE("without zones nothing is known, and that is no fault") {
  for (const fs::path& folder : {fs::path("/nowhere/thermal"), Zones().root()}) {
    ThermalWatch watch(folder);
    const ThermalReading reading = watch.read();
    CHECK(watch.zones() == 0);
    CHECK(reading.hottest.empty());
    CHECK(std::isnan(reading.temperature_c));
    CHECK(reading.level == Heat::normal);
  }
}
