#include "robot/feetech/startup.hpp"

#include <algorithm>
#include <array>

#include "error.hpp"

namespace retain::feetech {

namespace {

/// One lost packet is no reason not to start.
constexpr int kTries = 5;
/// In the register's 2 µs. Six servos that wait 100 µs each still leave room for 200 cycles a second; the factory's
/// 500 µs do not.
constexpr std::uint8_t kMaxReturnDelay = 50;

using Eeprom = std::array<std::uint8_t, kEepromSize>;

bool read_with_retries(Bus& bus, std::uint8_t id, std::uint8_t address, std::span<std::uint8_t> registers) {
  for (int i = 0; i < kTries && !bus.gone(); ++i) {
    if (bus.read(id, address, registers)) return true;
  }
  return false;
}

// The acknowledgement may be lost, or switched off in the servo: what counts is what the register says afterwards.
void set(Bus& bus, const Motor& motor, std::uint8_t address, std::span<const std::uint8_t> wanted, const char* what) {
  std::array<std::uint8_t, 2> found{};
  const std::span<std::uint8_t> registers(found.data(), wanted.size());
  for (int i = 0; i < kTries && !bus.gone(); ++i) {
    (void)bus.write(motor.id, address, wanted);
    if (bus.read(motor.id, address, registers) && std::equal(wanted.begin(), wanted.end(), registers.begin())) return;
  }
  throw DeviceError("servo " + motor.name + " (id " + std::to_string(motor.id) + ") did not take its " + what +
                    "; check its cable and the arm's power supply");
}

std::string join(const std::vector<std::string>& parts) {
  std::string all;
  for (const std::string& part : parts) all += (all.empty() ? "" : ", ") + part;
  return all;
}

void check_model(const Motor& motor, const Eeprom& eeprom) {
  const std::uint16_t model = word_at(eeprom, kModelNumber);
  if (model == kModelSts3215 || model == kModelSts3250) return;
  throw DeviceError("servo " + motor.name + " (id " + std::to_string(motor.id) + ") is model " + std::to_string(model) +
                    "; expected " + std::to_string(kModelSts3215) + " (STS3215) or " + std::to_string(kModelSts3250) +
                    " (STS3250), whose registers this driver knows");
}

void check_set_up(const Motor& motor, const Eeprom& eeprom) {
  const std::string who = "servo " + motor.name + " (id " + std::to_string(motor.id) + ") ";
  if (eeprom[kOperatingMode] != kPositionMode) {
    throw DeviceError(who + "is in operating mode " + std::to_string(eeprom[kOperatingMode]) +
                      "; expected 0, position; set the arm up again with: lerobot-calibrate");
  }
  if (eeprom[kReturnDelayTime] > kMaxReturnDelay) {
    throw DeviceError(who + "waits " + std::to_string(2 * eeprom[kReturnDelayTime]) +
                      " µs before each answer; expected at most " + std::to_string(2 * kMaxReturnDelay) +
                      ", LeRobot sets 0 whenever it connects: run lerobot-teleoperate once");
  }
}

// One line per difference: what, the servo's value, the calibration's.
void compare(const Motor& motor, const Eeprom& eeprom, std::string& differences) {
  const auto line = [&](const char* what, int servo, int file) {
    if (servo == file) return;
    differences += "\n  " + motor.name + " " + what + ": " + std::to_string(servo) + " in the servo, " +
                   std::to_string(file) + " in the calibration";
  };
  line("homing_offset", decode_sign_magnitude(word_at(eeprom, kHomingOffset), kHomingOffsetSignBit),
       motor.homing_offset);
  line("range_min", word_at(eeprom, kMinPositionLimit), motor.range_min);
  line("range_max", word_at(eeprom, kMaxPositionLimit), motor.range_max);
}

int present_position(Bus& bus, const Motor& motor) {
  std::array<std::uint8_t, kPresentSize> present{};
  if (!read_with_retries(bus, motor.id, kPresentPosition, present)) {
    throw DeviceError("servo " + motor.name + " (id " + std::to_string(motor.id) +
                      ") stopped answering; check its cable and the arm's power supply");
  }
  const int position = decode_sign_magnitude(word_at(present, 0), kPositionSignBit);
  if (position < motor.range_min - kRestCounts || position > motor.range_max + kRestCounts) {
    throw DeviceError("servo " + motor.name + " stands at " + std::to_string(position) + ", outside its range " +
                      std::to_string(motor.range_min) + " to " + std::to_string(motor.range_max) +
                      "; move the joint inside by hand, or calibrate the arm again with: lerobot-calibrate");
  }
  return position;
}

}  // namespace

void check_servos(Bus& bus, std::span<const Motor> motors, const std::string& port) {
  std::vector<std::string> present;
  std::vector<std::string> absent;
  std::string differences;
  for (const Motor& motor : motors) {
    const std::string name = motor.name + " (id " + std::to_string(motor.id) + ")";
    Eeprom eeprom{};
    if (!read_with_retries(bus, motor.id, 0, eeprom)) {
      absent.push_back(name);
      continue;
    }
    present.push_back(name);
    check_model(motor, eeprom);
    check_set_up(motor, eeprom);
    compare(motor, eeprom, differences);
  }
  if (present.empty()) {
    throw DeviceError("no servo answers on " + port + " (asked for " + join(absent) +
                      "); check the arm's power supply, the cable to the first servo and the baud rate");
  }
  if (!absent.empty()) {
    throw DeviceError(join(absent) + (absent.size() == 1 ? " doesn't" : " don't") + " answer on " + port + ", while " +
                      join(present) + (present.size() == 1 ? " does" : " do") +
                      "; check the cable in front of the first that doesn't");
  }
  if (!differences.empty()) {
    throw DeviceError("the servos and the calibration file disagree; give this arm's file, or write it into the" +
                      std::string(" servos with lerobot-calibrate:") + differences);
  }
}

std::vector<int> hold_in_place(Bus& bus, std::span<const Motor> motors) {
  std::vector<int> positions;
  for (const Motor& motor : motors) positions.push_back(present_position(bus, motor));
  for (std::size_t i = 0; i < motors.size(); ++i) {
    const Motor& motor = motors[i];
    const int goal = std::clamp(positions[i], motor.range_min, motor.range_max);
    const std::array<std::uint8_t, 2> word{static_cast<std::uint8_t>(goal & 0xFF),
                                           static_cast<std::uint8_t>(goal >> 8)};
    set(bus, motor, kGoalPosition, word, "goal position");
    const std::array<std::uint8_t, 1> on{1};
    set(bus, motor, kTorqueEnable, on, "torque");
  }
  return positions;
}

}  // namespace retain::feetech
