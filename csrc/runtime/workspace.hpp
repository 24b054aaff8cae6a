// A box that the tool must not leave.
#pragma once

#include <array>
#include <cstddef>

namespace retain {

/// In the robot's base frame [m]. Only where the robot's kinematics are known.
struct Workspace {
  std::array<double, 3> low_m{};
  std::array<double, 3> high_m{};

  /// Written so that a NaN lies outside.
  [[nodiscard]] bool holds(const std::array<double, 3>& point_m) const noexcept {
    for (std::size_t axis = 0; axis < 3; ++axis) {
      if (!(point_m[axis] >= low_m[axis] && point_m[axis] <= high_m[axis])) return false;
    }
    return true;
  }
};

}  // namespace retain
