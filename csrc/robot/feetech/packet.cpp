#include "robot/feetech/packet.hpp"

#include <algorithm>

namespace retain::feetech {

namespace {

constexpr std::uint8_t kHeader = 0xFF;
constexpr std::uint8_t kMaxError = 0x7F;

// Whether the bytes at hand can be the beginning of a status packet with this number of parameters.
bool may_begin(std::span<const std::uint8_t> bytes, std::size_t parameters) noexcept {
  const std::size_t size = bytes.size();
  if (bytes[0] != kHeader) return false;
  if (size > 1 && bytes[1] != kHeader) return false;
  if (size > 2 && bytes[2] > kMaxId) return false;
  if (size > 3 && bytes[3] != parameters + 2) return false;
  return size <= 4 || bytes[4] <= kMaxError;
}

}  // namespace

std::uint8_t checksum(std::span<const std::uint8_t> bytes) noexcept {
  unsigned sum = 0;
  for (const std::uint8_t byte : bytes) sum += byte;
  return static_cast<std::uint8_t>(~sum & 0xFFU);
}

InstructionPacket::InstructionPacket(std::uint8_t id, Instruction instruction) noexcept {
  bytes_[0] = kHeader;
  bytes_[1] = kHeader;
  bytes_[2] = id;
  bytes_[4] = static_cast<std::uint8_t>(instruction);
}

void InstructionPacket::add(std::uint8_t parameter) noexcept {
  if (size_ + 1 < bytes_.size()) bytes_[size_++] = parameter;
}

void InstructionPacket::add(std::span<const std::uint8_t> parameters) noexcept {
  for (const std::uint8_t parameter : parameters) add(parameter);
}

void InstructionPacket::add_word(std::uint16_t value) noexcept {
  add(static_cast<std::uint8_t>(value & 0xFFU));
  add(static_cast<std::uint8_t>(value >> 8U));
}

std::span<const std::uint8_t> InstructionPacket::finish() noexcept {
  bytes_[3] = static_cast<std::uint8_t>(size_ - 3);
  bytes_[size_] = checksum({bytes_.data() + 2, size_ - 2});
  return {bytes_.data(), size_ + 1};
}

void StatusParser::reset(std::size_t parameters) noexcept {
  begin_ = end_ = 0;
  parameters_ = std::min(parameters, kMaxParameters);
  finished_ = false;
}

void StatusParser::push(std::span<const std::uint8_t> bytes) noexcept {
  std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_), buffer_.begin() + static_cast<std::ptrdiff_t>(end_),
            buffer_.begin());
  end_ -= begin_;
  begin_ = 0;
  const std::size_t taken = std::min(bytes.size(), buffer_.size() - end_);
  std::copy_n(bytes.begin(), taken, buffer_.begin() + static_cast<std::ptrdiff_t>(end_));
  end_ += taken;
}

std::optional<StatusPacket> StatusParser::next() noexcept {
  const std::size_t whole = parameters_ + kPacketOverhead;
  for (; begin_ < end_; ++begin_) {
    const std::span<const std::uint8_t> rest(buffer_.data() + begin_, end_ - begin_);
    if (!may_begin(rest, parameters_)) continue;
    if (rest.size() < whole) {
      if (!finished_) return std::nullopt;
      continue;
    }
    const std::span<const std::uint8_t> packet = rest.first(whole);
    if (packet.back() != checksum(packet.subspan(2, whole - 3))) {
      ++checksum_errors_;
      continue;
    }
    begin_ += whole;
    return StatusPacket{packet[2], packet[4], packet.subspan(5, parameters_), packet};
  }
  return std::nullopt;
}

}  // namespace retain::feetech
