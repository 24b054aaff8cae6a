// The control table of Feetech's STS series, as far as the driver reads and writes it, and how it writes signed
// numbers. Addresses and sign bits are those of LeRobot's motors/feetech/tables.py; words are stored low byte first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace retain::feetech {

// EEPROM, read as one block at the start.
inline constexpr std::uint8_t kModelNumber = 3;
inline constexpr std::uint8_t kReturnDelayTime = 7;  // in 2 µs
inline constexpr std::uint8_t kMinPositionLimit = 9;
inline constexpr std::uint8_t kMaxPositionLimit = 11;
inline constexpr std::uint8_t kHomingOffset = 31;
inline constexpr std::uint8_t kOperatingMode = 33;
inline constexpr std::size_t kEepromSize = 40;

// RAM.
inline constexpr std::uint8_t kTorqueEnable = 40;
inline constexpr std::uint8_t kGoalPosition = 42;

// RAM, read as one block on every tick: position and speed and load (2 bytes each), voltage, temperature.
inline constexpr std::uint8_t kPresentPosition = 56;
inline constexpr std::size_t kPresentSize = 8;
inline constexpr std::size_t kLoadInPresent = 4;
inline constexpr std::size_t kTemperatureInPresent = 7;

inline constexpr int kHomingOffsetSignBit = 11;
inline constexpr int kMaxHomingOffset = (1 << kHomingOffsetSignBit) - 1;
inline constexpr int kPositionSignBit = 15;
inline constexpr int kLoadSignBit = 10;

inline constexpr std::uint16_t kModelSts3215 = 777;
inline constexpr std::uint16_t kModelSts3250 = 2825;
inline constexpr std::uint8_t kPositionMode = 0;

/// Positions per turn of these models.
inline constexpr int kCountsPerTurn = 4096;
/// Present_Load is in thousandths of full drive.
inline constexpr double kLoadPerUnit = 1e-3;

[[nodiscard]] constexpr std::uint16_t word_at(std::span<const std::uint8_t> bytes, std::size_t offset) noexcept {
  return static_cast<std::uint16_t>(bytes[offset] | bytes[offset + 1] << 8U);
}

/// Magnitude in the bits below `sign_bit`, which says minus when it is set; higher bits are not looked at.
[[nodiscard]] constexpr int decode_sign_magnitude(std::uint16_t word, int sign_bit) noexcept {
  const int magnitude = word & ((1 << sign_bit) - 1);
  return ((word >> sign_bit) & 1) != 0 ? -magnitude : magnitude;
}

}  // namespace retain::feetech
