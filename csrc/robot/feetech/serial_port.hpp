// A serial port in raw mode that never waits beyond a deadline.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace retain::feetech {

/// CLOCK_MONOTONIC.
[[nodiscard]] std::int64_t monotonic_ns() noexcept;

class SerialPort {
 public:
  /// Opens it for this process alone, 8 data bits, no parity, one stop bit, no flow control.
  /// @throw DeviceError if it is not there, not ours to open, already open elsewhere, or cannot run at this rate
  SerialPort(const std::string& path, int baud_rate);
  SerialPort(SerialPort&& other) noexcept;
  SerialPort& operator=(SerialPort&&) = delete;
  ~SerialPort();

  /// Hands all bytes to the kernel.
  /// @return false if it did not take them by the deadline, or the port is gone
  [[nodiscard]] bool write(std::span<const std::uint8_t> bytes, std::int64_t deadline_ns) noexcept;

  /// Waits for bytes and takes what is there.
  /// @return how many; 0 when the deadline has passed or the port is gone
  [[nodiscard]] std::size_t read(std::span<std::uint8_t> bytes, std::int64_t deadline_ns) noexcept;

  /// Throws away what has already come.
  void discard_input() noexcept;

  /// Whether the other end has gone away, as when the cable is pulled. It does not come back.
  [[nodiscard]] bool gone() const noexcept { return gone_; }

  [[nodiscard]] int baud_rate() const noexcept { return baud_rate_; }

 private:
  [[nodiscard]] bool wait(short events, std::int64_t deadline_ns) noexcept;

  int fd_ = -1;
  int baud_rate_;
  bool gone_ = false;
};

}  // namespace retain::feetech
