// Feetech's serial protocol (STS and SMS series) as bytes: instruction packets are built, status packets are found in
// whatever comes over the wire. No I/O.
//
// Both kinds are FF FF id length x parameters… checksum, with x the instruction or the error bits,
// length = parameters + 2 and checksum = ~(id + length + x + parameters) mod 256.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace retain::feetech {

enum class Instruction : std::uint8_t { read = 0x02, write = 0x03, sync_read = 0x82, sync_write = 0x83 };

inline constexpr std::uint8_t kBroadcastId = 0xFE;
inline constexpr std::uint8_t kMaxId = 0xFD;
/// Header, id, length, instruction or error, checksum.
inline constexpr std::size_t kPacketOverhead = 6;
/// The length byte counts the parameters and two bytes more.
inline constexpr std::size_t kMaxParameters = 253;

/// Bits of a status packet's error byte.
enum ErrorBit : std::uint8_t {
  kVoltageError = 1U << 0U,
  kSensorError = 1U << 1U,
  kTemperatureError = 1U << 2U,
  kCurrentError = 1U << 3U,
  kOverloadError = 1U << 5U,
};

/// A packet from us to the servos. Lives on the stack.
class InstructionPacket {
 public:
  InstructionPacket(std::uint8_t id, Instruction instruction) noexcept;

  /// At most kMaxParameters in all; more are left out.
  void add(std::uint8_t parameter) noexcept;
  void add(std::span<const std::uint8_t> parameters) noexcept;
  /// Low byte first, as this series keeps its registers.
  void add_word(std::uint16_t value) noexcept;

  /// The packet's bytes with length and checksum, valid while the packet lives.
  [[nodiscard]] std::span<const std::uint8_t> finish() noexcept;

 private:
  std::array<std::uint8_t, kPacketOverhead + kMaxParameters> bytes_;
  std::size_t size_ = 5;
};

/// A packet from a servo. The spans point into the parser and are valid until its next push().
struct StatusPacket {
  std::uint8_t id = 0;
  std::uint8_t error = 0;  ///< ErrorBits
  std::span<const std::uint8_t> parameters;
  std::span<const std::uint8_t> bytes;  ///< all of it, header to checksum
};

/// Finds status packets with one number of parameters in a stream. What cannot be part of such a packet is passed over
/// byte by byte, so a packet behind garbage, or behind half a packet, is found.
class StatusParser {
 public:
  /// Bytes that push() takes at once.
  static constexpr std::size_t kPushLimit = 256;

  explicit StatusParser(std::size_t parameters = 0) noexcept { reset(parameters); }

  /// Forgets what has come, and looks for packets with this number of parameters from now on.
  void reset(std::size_t parameters) noexcept;

  /// Takes up to kPushLimit bytes. next() must have returned nothing since the last push.
  void push(std::span<const std::uint8_t> bytes) noexcept;

  /// The next whole packet whose checksum holds, or nothing until more bytes come.
  [[nodiscard]] std::optional<StatusPacket> next() noexcept;

  /// Nothing more will come: the packet that was being waited for is garbage, and what it hid is found by next().
  void finish() noexcept { finished_ = true; }

  /// Packets that were whole but for their checksum.
  [[nodiscard]] std::uint64_t checksum_errors() const noexcept { return checksum_errors_; }

 private:
  std::array<std::uint8_t, kPushLimit + kPacketOverhead + kMaxParameters> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t parameters_ = 0;
  bool finished_ = false;
  std::uint64_t checksum_errors_ = 0;
};

/// ~(sum of the bytes) mod 256, over everything between header and checksum.
[[nodiscard]] std::uint8_t checksum(std::span<const std::uint8_t> bytes) noexcept;

}  // namespace retain::feetech
