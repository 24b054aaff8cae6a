// The packet codec against a scanner that has all the bytes at once.
#include "robot/feetech/packet.hpp"

#include <doctest.h>

#include <algorithm>
#include <random>
#include <vector>

using namespace retain::feetech;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes bytes_of(std::span<const std::uint8_t> span) { return {span.begin(), span.end()}; }

Bytes status_bytes(std::uint8_t id, std::uint8_t error, const Bytes& parameters) {
  Bytes packet{0xFF, 0xFF, id, static_cast<std::uint8_t>(parameters.size() + 2), error};
  for (const std::uint8_t parameter : parameters) packet.push_back(parameter);
  packet.push_back(checksum({packet.data() + 2, packet.size() - 2}));
  return packet;
}

// The definition, with no state: at each position a whole valid packet or one byte passed over.
std::vector<Bytes> scan(const Bytes& stream, std::size_t parameters) {
  std::vector<Bytes> found;
  const std::size_t whole = parameters + 6;
  for (std::size_t i = 0; i + whole <= stream.size();) {
    const Bytes at(stream.begin() + static_cast<std::ptrdiff_t>(i),
                   stream.begin() + static_cast<std::ptrdiff_t>(i + whole));
    int sum = 0;
    for (std::size_t k = 2; k + 1 < whole; ++k) sum += at[k];
    const bool valid = at[0] == 0xFF && at[1] == 0xFF && at[2] < 0xFE && at[3] == parameters + 2 && at[4] < 0x80 &&
                       at.back() == (~sum & 0xFF);
    if (valid) found.push_back(at);
    i += valid ? whole : 1;
  }
  return found;
}

}  // namespace

TEST_CASE("instruction packets are the bytes of the vendor's examples") {
  InstructionPacket read(1, Instruction::read);
  read.add(0x38);
  read.add(2);
  CHECK(bytes_of(read.finish()) == Bytes{0xFF, 0xFF, 0x01, 0x04, 0x02, 0x38, 0x02, 0xBE});
  InstructionPacket sync(kBroadcastId, Instruction::sync_read);
  for (const int parameter : {0x38, 0x08, 1, 2}) sync.add(static_cast<std::uint8_t>(parameter));
  CHECK(bytes_of(sync.finish()) == Bytes{0xFF, 0xFF, 0xFE, 0x06, 0x82, 0x38, 0x08, 0x01, 0x02, 0x36});
  InstructionPacket goal(kBroadcastId, Instruction::sync_write);
  goal.add(42);
  goal.add(2);
  goal.add(3);
  goal.add_word(0x0801);
  CHECK(bytes_of(goal.finish()) == Bytes{0xFF, 0xFF, 0xFE, 0x07, 0x83, 0x2A, 0x02, 0x03, 0x01, 0x08, 0x3F});
}

TEST_CASE("an instruction packet stops at what its length byte can say") {
  InstructionPacket packet(1, Instruction::write);
  for (int i = 0; i < 1000; ++i) packet.add(7);
  const std::span<const std::uint8_t> bytes = packet.finish();
  CHECK(bytes.size() == kPacketOverhead + kMaxParameters);
  CHECK(bytes[3] == 255);
  CHECK(bytes.back() == checksum(bytes.subspan(2, bytes.size() - 3)));
}

TEST_CASE(
    "in 20 000 streams of packets, halves of packets and garbage, however cut, exactly the valid packets are found") {
  std::mt19937 random(7);
  const auto draw = [&](int below) { return std::uniform_int_distribution<>(0, below - 1)(random); };
  std::size_t embedded = 0;
  std::size_t accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    const auto parameters = static_cast<std::size_t>(draw(4) == 0 ? draw(254) : draw(12));
    Bytes stream;
    const int pieces = 1 + draw(8);
    for (int piece = 0; piece < pieces; ++piece) {
      Bytes values(parameters);
      for (std::uint8_t& value : values) value = static_cast<std::uint8_t>(draw(3) == 0 ? 0xFF : draw(256));
      Bytes packet = status_bytes(static_cast<std::uint8_t>(draw(254)), static_cast<std::uint8_t>(draw(128)), values);
      switch (draw(4)) {
        case 0:
          for (int k = draw(40); k > 0; --k)
            stream.push_back(static_cast<std::uint8_t>(draw(2) == 0 ? 0xFF : draw(256)));
          break;
        case 1:
          packet.resize(static_cast<std::size_t>(draw(static_cast<int>(packet.size()))));
          break;
        case 2:
          packet[static_cast<std::size_t>(draw(static_cast<int>(packet.size())))] ^=
              static_cast<std::uint8_t>(1 + draw(255));
          break;
        default:
          ++embedded;
      }
      stream.insert(stream.end(), packet.begin(), packet.end());
    }
    StatusParser parser(parameters);
    std::vector<Bytes> found;
    const auto collect = [&] {
      while (const std::optional<StatusPacket> packet = parser.next()) {
        CHECK(packet->parameters.size() == parameters);
        CHECK(packet->id == packet->bytes[2]);
        CHECK(packet->error == packet->bytes[4]);
        found.push_back(bytes_of(packet->bytes));
      }
    };
    for (std::size_t i = 0; i < stream.size();) {
      const std::size_t count = std::min(
          {static_cast<std::size_t>(1 + draw(draw(2) == 0 ? 5 : 256)), stream.size() - i, StatusParser::kPushLimit});
      parser.push({stream.data() + i, count});
      collect();
      i += count;
    }
    parser.finish();
    collect();
    accepted += found.size();
    REQUIRE(found == scan(stream, parameters));
  }
  CHECK(embedded > 10'000);
  CHECK(accepted > embedded / 2);
}

TEST_CASE("one wrong byte is never accepted, at whatever place") {
  const Bytes packet = status_bytes(3, 0, {0x10, 0x08, 0, 0, 0, 0, 74, 30});
  for (std::size_t place = 0; place < packet.size(); ++place) {
    for (int wrong = 1; wrong < 256; ++wrong) {
      Bytes spoiled = packet;
      spoiled[place] ^= static_cast<std::uint8_t>(wrong);
      StatusParser parser(8);
      parser.push(spoiled);
      parser.finish();
      REQUIRE_FALSE(parser.next().has_value());
    }
  }
}

TEST_CASE("a packet behind the beginning of another is found, and checksum errors are counted") {
  const Bytes packet = status_bytes(3, 0, {1, 2});
  Bytes stream(packet.begin(), packet.begin() + 5);
  stream.insert(stream.end(), packet.begin(), packet.end());
  StatusParser parser(2);
  parser.push(stream);
  CHECK(parser.next()->id == 3);
  Bytes spoiled = packet;
  spoiled[5] ^= 1;
  parser.push(spoiled);
  CHECK_FALSE(parser.next().has_value());
  CHECK(parser.checksum_errors() == 2);
}
