// Writes values in CDR, little-endian: the encoding of ROS 2 messages, which robot tools read without plug-ins.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/clock.hpp"

namespace retain {

static_assert(std::endian::native == std::endian::little, "CDR is written as the machine's own bytes");

/// A message under construction. Its buffer grows to the largest message and stays.
class CdrWriter {
 public:
  /// Starts a message: four bytes that say "plain CDR, little-endian".
  void begin() {
    bytes_.assign(kHeaderBytes, std::byte{0});
    bytes_[1] = std::byte{1};
  }

  template <typename T>
  void value(T number) {
    static_assert(std::is_arithmetic_v<T>);
    align(sizeof(T));
    append(&number, sizeof(T));
  }

  void text(std::string_view characters) {
    value(static_cast<std::uint32_t>(characters.size() + 1));
    append(characters.data(), characters.size());
    bytes_.push_back(std::byte{0});
  }

  /// A sequence of unbounded length.
  template <typename T>
  void sequence(std::span<const T> values) {
    value(static_cast<std::uint32_t>(values.size()));
    if (values.empty()) return;
    align(sizeof(T));
    append(values.data(), values.size_bytes());
  }

  /// builtin_interfaces/Time: exact to the nanosecond.
  void time(Nanoseconds instant_ns) {
    value(static_cast<std::int32_t>(instant_ns / kNanosecondsPerSecond));
    value(static_cast<std::uint32_t>(instant_ns % kNanosecondsPerSecond));
  }

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  static constexpr std::size_t kHeaderBytes = 4;

  // Alignment counts from the end of the header.
  void align(std::size_t size) {
    while ((bytes_.size() - kHeaderBytes) % size != 0) bytes_.push_back(std::byte{0});
  }

  void append(const void* data, std::size_t size) {
    const std::size_t end = bytes_.size();
    bytes_.resize(end + size);
    std::memcpy(bytes_.data() + end, data, size);
  }

  std::vector<std::byte> bytes_;
};

}  // namespace retain
