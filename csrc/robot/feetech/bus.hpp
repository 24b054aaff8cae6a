// The servos' half-duplex bus: one question at a time, and never a wait beyond what the answer needs on the wire plus a
// margin.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "robot/feetech/packet.hpp"
#include "robot/feetech/registers.hpp"
#include "robot/feetech/serial_port.hpp"

namespace retain::feetech {

/// What went wrong on the wire.
struct BusCounts {
  std::uint64_t missing = 0;          ///< answers that did not come in time
  std::uint64_t checksum_errors = 0;  ///< packets that were whole but for their checksum
  std::uint64_t wrong_ids = 0;        ///< answers of servos that were not asked
  std::uint64_t out_of_order = 0;     ///< rounds in which a servo answered twice or before its turn
  std::uint64_t unsent = 0;           ///< packets that the port did not take
};

/// One servo's part of a sync read.
struct Present {
  bool answered = false;
  std::uint8_t error = 0;                              ///< ErrorBits
  std::array<std::uint8_t, kPresentSize> registers{};  ///< from kPresentPosition on
};

class Bus {
 public:
  /// @param margin_ns what a question and its answer may take beyond their bytes' time on the wire: the adapter's and
  ///        the kernel's latency, and the servos' own delay
  Bus(SerialPort port, std::int64_t margin_ns) noexcept : port_(std::move(port)), margin_ns_(margin_ns) {}

  /// Reads registers of one servo.
  /// @return false if no whole answer came
  [[nodiscard]] bool read(std::uint8_t id, std::uint8_t address, std::span<std::uint8_t> registers) noexcept;

  /// Writes registers of one servo and waits for its acknowledgement, which servos can be set not to send.
  /// @return false if none came
  [[nodiscard]] bool write(std::uint8_t id, std::uint8_t address, std::span<const std::uint8_t> registers) noexcept;

  /// Asks all servos at once for their registers from kPresentPosition on. They answer in the order of `ids`. Answers
  /// carry no number that says which question they belong to, so three rounds in turn ask for kPresentSize, one more
  /// and two more registers: what is left over from the last rounds has another length and is passed over. An answer
  /// that comes before its turn, or twice, makes the whole round count as not answered.
  void read_present(std::span<const std::uint8_t> ids, std::span<Present> present) noexcept;

  /// Sets one word of every servo in one packet. There is no answer.
  /// @return false if the port did not take it
  [[nodiscard]] bool sync_write_words(std::span<const std::uint8_t> ids, std::uint8_t address,
                                      std::span<const std::uint16_t> words) noexcept;
  /// The same with one byte.
  [[nodiscard]] bool sync_write_bytes(std::span<const std::uint8_t> ids, std::uint8_t address,
                                      std::span<const std::uint8_t> bytes) noexcept;

  void set_margin(std::int64_t margin_ns) noexcept { margin_ns_ = margin_ns; }

  [[nodiscard]] bool gone() const noexcept { return port_.gone(); }
  [[nodiscard]] BusCounts counts() const noexcept;

 private:
  [[nodiscard]] std::int64_t deadline_for(std::size_t bytes) const noexcept;
  [[nodiscard]] bool send(std::span<const std::uint8_t> packet, std::int64_t deadline_ns) noexcept;
  [[nodiscard]] std::optional<StatusPacket> receive(std::int64_t deadline_ns) noexcept;
  [[nodiscard]] std::optional<StatusPacket> exchange(std::uint8_t id, std::span<const std::uint8_t> packet,
                                                     std::size_t parameters) noexcept;

  SerialPort port_;
  std::int64_t margin_ns_;
  StatusParser parser_;
  BusCounts counts_;
  std::size_t round_ = 0;
};

}  // namespace retain::feetech
