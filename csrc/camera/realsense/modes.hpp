// What a camera can send, and which of it was asked for.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "camera/realsense/context.hpp"

namespace retain::rs {

/// A picture's size and rate.
struct Mode {
  std::size_t width = 0;
  std::size_t height = 0;
  int fps = 0;

  bool operator==(const Mode&) const = default;
};

std::string to_string(const Mode& mode);  ///< as in "640 × 480 at 30 Hz"

/// At most four modes, nearest first: by the ratio of widths, heights and rates.
std::vector<Mode> nearest_modes(std::vector<Mode> modes, const Mode& wanted);

/// One stream of one of a device's sensors.
struct StreamChoice {
  std::size_t sensor;      ///< index into `sensors`
  const Profile* profile;  ///< owned by the sensor's list in `profiles`
};

/// A device's sensors with the streams that were found on them.
struct SensorTable {
  std::vector<Handle<Sensor>> sensors;
  std::vector<Handle<ProfileList>> profiles;

  /// @throw DeviceError if librealsense refuses
  SensorTable(const Context& context, const Device& device);

  /// Finds colour as RGB8, or depth as Z16, in a mode.
  /// @throw DeviceError if there is none; the sentence names the nearest modes that the camera offers
  [[nodiscard]] StreamChoice find(const Context& context, int stream, const Mode& wanted,
                                  const std::string& camera) const;
};

}  // namespace retain::rs
