#include "robot/feetech/bus.hpp"

#include <algorithm>

namespace retain::feetech {

namespace {

/// Start bit, 8 data bits, stop bit.
constexpr std::int64_t kBitsPerByte = 10;
constexpr std::size_t kRoundLengths = 3;

}  // namespace

bool Bus::read(std::uint8_t id, std::uint8_t address, std::span<std::uint8_t> registers) noexcept {
  InstructionPacket packet(id, Instruction::read);
  packet.add(address);
  packet.add(static_cast<std::uint8_t>(registers.size()));
  const std::optional<StatusPacket> answer = exchange(id, packet.finish(), registers.size());
  if (!answer) return false;
  std::copy(answer->parameters.begin(), answer->parameters.end(), registers.begin());
  return true;
}

bool Bus::write(std::uint8_t id, std::uint8_t address, std::span<const std::uint8_t> registers) noexcept {
  InstructionPacket packet(id, Instruction::write);
  packet.add(address);
  packet.add(registers);
  return exchange(id, packet.finish(), 0).has_value();
}

void Bus::read_present(std::span<const std::uint8_t> ids, std::span<Present> present) noexcept {
  const std::size_t count = kPresentSize + round_++ % kRoundLengths;
  InstructionPacket packet(kBroadcastId, Instruction::sync_read);
  packet.add(kPresentPosition);
  packet.add(static_cast<std::uint8_t>(count));
  packet.add(ids);
  const std::span<const std::uint8_t> question = packet.finish();
  for (Present& servo : present) servo.answered = false;

  const std::int64_t deadline_ns = deadline_for(question.size() + ids.size() * (kPacketOverhead + count));
  parser_.reset(count);
  if (!send(question, deadline_ns)) return;
  std::size_t answered = 0;
  std::size_t turn = 0;
  bool in_order = true;
  while (answered < ids.size()) {
    const std::optional<StatusPacket> answer = receive(deadline_ns);
    if (!answer) break;
    const auto found = std::find(ids.begin(), ids.end(), answer->id);
    if (found == ids.end()) {
      ++counts_.wrong_ids;
      continue;
    }
    const auto index = static_cast<std::size_t>(found - ids.begin());
    if (index < turn) {
      in_order = false;
      continue;
    }
    turn = index + 1;
    Present& servo = present[index];
    servo.answered = true;
    servo.error = answer->error;
    std::copy_n(answer->parameters.begin(), kPresentSize, servo.registers.begin());
    ++answered;
  }
  counts_.missing += ids.size() - answered;
  if (!in_order) {
    ++counts_.out_of_order;
    for (Present& servo : present) servo.answered = false;
  }
}

bool Bus::sync_write_words(std::span<const std::uint8_t> ids, std::uint8_t address,
                           std::span<const std::uint16_t> words) noexcept {
  InstructionPacket packet(kBroadcastId, Instruction::sync_write);
  packet.add(address);
  packet.add(2);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    packet.add(ids[i]);
    packet.add_word(words[i]);
  }
  const std::span<const std::uint8_t> bytes = packet.finish();
  return send(bytes, deadline_for(bytes.size()));
}

bool Bus::sync_write_bytes(std::span<const std::uint8_t> ids, std::uint8_t address,
                           std::span<const std::uint8_t> bytes) noexcept {
  InstructionPacket packet(kBroadcastId, Instruction::sync_write);
  packet.add(address);
  packet.add(1);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    packet.add(ids[i]);
    packet.add(bytes[i]);
  }
  const std::span<const std::uint8_t> all = packet.finish();
  return send(all, deadline_for(all.size()));
}

BusCounts Bus::counts() const noexcept {
  BusCounts counts = counts_;
  counts.checksum_errors = parser_.checksum_errors();
  return counts;
}

std::int64_t Bus::deadline_for(std::size_t bytes) const noexcept {
  const std::int64_t wire_ns = static_cast<std::int64_t>(bytes) * kBitsPerByte * 1'000'000'000 / port_.baud_rate();
  return monotonic_ns() + wire_ns + margin_ns_;
}

bool Bus::send(std::span<const std::uint8_t> packet, std::int64_t deadline_ns) noexcept {
  // What comes before the question is no answer to it.
  port_.discard_input();
  if (port_.write(packet, deadline_ns)) return true;
  ++counts_.unsent;
  return false;
}

std::optional<StatusPacket> Bus::receive(std::int64_t deadline_ns) noexcept {
  std::array<std::uint8_t, StatusParser::kPushLimit> bytes;
  for (;;) {
    if (const std::optional<StatusPacket> packet = parser_.next()) return packet;
    // A line that babbles without end is left at the deadline too.
    const std::size_t got = monotonic_ns() < deadline_ns ? port_.read(bytes, deadline_ns) : 0;
    if (got > 0) {
      parser_.push({bytes.data(), got});
    } else {
      parser_.finish();
      return parser_.next();
    }
  }
}

std::optional<StatusPacket> Bus::exchange(std::uint8_t id, std::span<const std::uint8_t> packet,
                                          std::size_t parameters) noexcept {
  const std::int64_t deadline_ns = deadline_for(packet.size() + parameters + kPacketOverhead);
  parser_.reset(parameters);
  if (!send(packet, deadline_ns)) return std::nullopt;
  while (const std::optional<StatusPacket> answer = receive(deadline_ns)) {
    // Adapters that hear themselves hand our own packet back, and "read 2 bytes" looks like an answer of 2 bytes.
    if (std::equal(answer->bytes.begin(), answer->bytes.end(), packet.begin(), packet.end())) continue;
    if (answer->id == id) return answer;
    ++counts_.wrong_ids;
  }
  ++counts_.missing;
  return std::nullopt;
}

}  // namespace retain::feetech
