// Before an arm of servos may be driven: are these the servos of the calibration, and do they hold where they stand?
#pragma once

#include <span>
#include <string>
#include <vector>

#include "robot/feetech/bus.hpp"
#include "robot/feetech/calibration.hpp"

namespace retain::feetech {

/// Every servo answers, is a model that this driver knows, is in position mode, answers without delay, and has in its
/// own memory the homing offset and limits of the calibration, where LeRobot wrote them.
/// @throw DeviceError with everything that differs, the servo's side and the calibration's
void check_servos(Bus& bus, std::span<const Motor> motors, const std::string& port);

/// Sets each servo's goal to where it stands and switches its torque on after that, so that nothing jumps.
/// @return where each servo stands, counts
/// @throw DeviceError if one stands outside its range by more than kRestCounts, or doesn't take what it is told
std::vector<int> hold_in_place(Bus& bus, std::span<const Motor> motors);

}  // namespace retain::feetech
