#include "camera/realsense/modes.hpp"

#include <algorithm>
#include <cmath>

#include "error.hpp"

namespace retain::rs {

namespace {

constexpr std::size_t kModesTold = 4;

double ratio(double a, double b) { return std::abs(std::log(std::max(a, 1.0) / std::max(b, 1.0))); }

double distance(const Mode& a, const Mode& b) {
  return ratio(static_cast<double>(a.width), static_cast<double>(b.width)) +
         ratio(static_cast<double>(a.height), static_cast<double>(b.height)) + ratio(a.fps, b.fps);
}

}  // namespace

std::string to_string(const Mode& mode) {
  return std::to_string(mode.width) + " × " + std::to_string(mode.height) + " at " + std::to_string(mode.fps) + " Hz";
}

std::vector<Mode> nearest_modes(std::vector<Mode> modes, const Mode& wanted) {
  std::stable_sort(modes.begin(), modes.end(),
                   [&](const Mode& a, const Mode& b) { return distance(a, wanted) < distance(b, wanted); });
  modes.erase(std::unique(modes.begin(), modes.end()), modes.end());
  if (modes.size() > kModesTold) modes.resize(kModesTold);
  return modes;
}

SensorTable::SensorTable(const Context& context, const Device& device) {
  const Library& library = context.library();
  const Api& api = library.api();
  const Handle<SensorList> list(library.call("list a camera's sensors", api.query_sensors, &device),
                                api.delete_sensor_list);
  const int count = library.call("count a camera's sensors", api.get_sensors_count, list.get());
  for (int i = 0; i < count; ++i) {
    sensors.emplace_back(library.call("open a camera's sensor", api.create_sensor, list.get(), i), api.delete_sensor);
    profiles.emplace_back(library.call("list a sensor's modes", api.get_stream_profiles, sensors.back().get()),
                          api.delete_stream_profiles_list);
  }
}

StreamChoice SensorTable::find(const Context& context, int stream, const Mode& wanted,
                               const std::string& camera) const {
  const Library& library = context.library();
  const Api& api = library.api();
  constexpr std::string_view kDoing = "read a camera's modes";
  const int format = stream == kStreamColor ? kFormatRgb8 : kFormatZ16;
  std::vector<Mode> offered;
  for (std::size_t sensor = 0; sensor < sensors.size(); ++sensor) {
    const int count = library.call(kDoing, api.get_stream_profiles_count, profiles[sensor].get());
    for (int i = 0; i < count; ++i) {
      const Profile* profile = library.call(kDoing, api.get_stream_profile, profiles[sensor].get(), i);
      int its_stream = 0;
      int its_format = 0;
      int index = 0;
      int unique = 0;
      int fps = 0;
      library.call(kDoing, api.get_stream_profile_data, profile, &its_stream, &its_format, &index, &unique, &fps);
      if (its_stream != stream || its_format != format) continue;
      int width = 0;
      int height = 0;
      library.call(kDoing, api.get_video_stream_resolution, profile, &width, &height);
      const Mode mode{static_cast<std::size_t>(width), static_cast<std::size_t>(height), fps};
      if (mode == wanted) return {sensor, profile};
      offered.push_back(mode);
    }
  }
  const std::string what = stream == kStreamColor ? "colour" : "depth";
  if (offered.empty()) throw DeviceError(camera + " offers no " + what + " at all");
  std::string nearest;
  for (const Mode& mode : nearest_modes(offered, wanted)) nearest += (nearest.empty() ? "" : ", ") + to_string(mode);
  throw DeviceError(camera + " offers no " + what + " of " + to_string(wanted) + "; nearest: " + nearest +
                    " (fewer are offered on USB 2)");
}

}  // namespace retain::rs
