// The loop's dealings with its process: a service manager's real socket, thermal zones as files, a crash dump's file.
#include <doctest.h>

#include <algorithm>
#include <fstream>
#include <vector>

#include "error.hpp"
#include "runtime/assemble.hpp"
#include "runtime/scripted_loop.hpp"
#include "runtime/service_manager.hpp"

using namespace retain;
using namespace retain::testing;

namespace {

namespace fs = std::filesystem;

std::shared_ptr<LoopParts> parts_of(const LoopConfig& config, const std::shared_ptr<ScriptedRobot>& arm) {
  return assemble_parts(config, std::make_shared<MonotonicClock>(), arm, {std::make_shared<ScriptedCamera>()},
                        scripted_engine());
}

LoopConfig endless() {
  LoopConfig config = scripted_config();
  config.duration_s = 0.0;
  return config;
}

/// One thermal zone with a passive trip at 80 °C and a critical one at 90 °C.
class Zone {
 public:
  Zone() : folder_(fs::temp_directory_path() / unique_name("retain-zone-")) {
    fs::create_directories(folder_ / "thermal_zone0");
    write("type", "cpu-thermal");
    write("trip_point_0_type", "passive");
    write("trip_point_0_temp", "80000");
    write("trip_point_1_type", "critical");
    write("trip_point_1_temp", "90000");
    write("temp", "40000");
  }
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;
  ~Zone() { fs::remove_all(folder_); }

  void write(const std::string& file, const std::string& text) const {
    // As sysfs does it, in one piece: the watch must never read half a number.
    const fs::path path = folder_ / "thermal_zone0" / file;
    std::ofstream(path.string() + ".new") << text << '\n';
    fs::rename(path.string() + ".new", path);
  }
  [[nodiscard]] const fs::path& folder() const { return folder_; }

 private:
  fs::path folder_;
};

}  // namespace

TEST_CASE("a service manager hears that the loop is ready, alive by its tick, and how it ends") {
  const Manager manager(socket_file());
  const Variable where("NOTIFY_SOCKET", manager.name());
  const Variable patience("WATCHDOG_USEC", "200000");
  const auto loop = std::make_unique<Loop>(parts_of(endless(), scripted_robot()));
  loop->start();
  std::vector<std::string> heard;
  const auto count = [&](const std::string& start) {
    return std::count_if(heard.begin(), heard.end(), [&](const std::string& m) { return m.rfind(start, 0) == 0; });
  };
  const auto listen = [&](double seconds) {
    (void)loop->wait(seconds);
    for (std::string message = manager.receive(); !message.empty(); message = manager.receive())
      heard.push_back(message);
  };
  for (int i = 0; i < 200 && (count("WATCHDOG=1") < 3 || count("STATUS=running") < 1); ++i) listen(0.05);
  REQUIRE_FALSE(heard.empty());
  CHECK(heard.front() == "READY=1");
  CHECK(count("READY=1") == 1);
  CHECK(count("WATCHDOG=1") >= 3);
  CHECK(count("STATUS=running") == 1);
  loop->request_stop();
  while (!loop->wait(0.05)) {
  }
  listen(0.0);
  CHECK(count("STATUS=hold: operator_stop") == 1);
}

TEST_CASE("a hot computer slows the arm, a critical one ramps it down, and the report says so") {
  const Zone zone;
  LoopConfig config = endless();
  config.hot_speed = 0.25;
  const auto parts = parts_of(config, scripted_robot());
  parts->thermal = std::make_unique<ThermalWatch>(zone.folder());
  Loop loop(parts);
  loop.start();
  const auto eventually = [&](auto condition) {
    for (int i = 0; i < 400 && !condition(); ++i) (void)loop.wait(0.05);
    return condition();
  };
  REQUIRE(eventually([&] { return loop.status().chunks >= 1; }));
  CHECK(parts->surroundings.speed_scale.load() == 1.0);
  zone.write("temp", "81000");
  CHECK(eventually([&] { return parts->surroundings.speed_scale.load() == 0.25; }));
  CHECK(loop.status().state == State::running);
  zone.write("temp", "40000");
  CHECK(eventually([&] { return parts->surroundings.speed_scale.load() == 1.0; }));
  zone.write("temp", "91000");
  REQUIRE(eventually([&] { return loop.wait(0.0); }));
  CHECK(loop.report().cause == Cause::overheated);
  CHECK(loop.report().heat == Heat::critical);
}

TEST_CASE("a run with a crash dump that does not crash leaves no file behind") {
  LoopConfig config = scripted_config();
  config.crash_dump = fs::temp_directory_path() / unique_name("retain-crash-");
  Loop loop(parts_of(config, scripted_robot()));
  loop.start();
  CHECK(fs::exists(config.crash_dump));
  while (!loop.wait(0.05)) {
  }
  CHECK_FALSE(fs::exists(config.crash_dump));
  CHECK(loop.report().state == State::hold);
}

TEST_CASE("a crash dump that cannot be written is refused before anything moves") {
  LoopConfig config = scripted_config();
  config.crash_dump = "/nonexistent/folder/crash";
  Loop loop(parts_of(config, scripted_robot()));
  CHECK_THROWS_AS(loop.start(), ConfigError);
}
