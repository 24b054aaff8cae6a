// The port: exclusive, transparent, and never longer than its deadline.
#include <doctest.h>
#include <fcntl.h>
#include <pty.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "error.hpp"
#include "robot/feetech/serial_port.hpp"

using namespace retain;
using namespace retain::feetech;

namespace {

constexpr std::int64_t kSoon = 20'000'000'000;

/// A pty in its default, cooked mode: the port has to make it raw by itself.
struct Pty {
  Pty() { REQUIRE(openpty(&master, &slave, name.data(), nullptr, nullptr) == 0); }
  ~Pty() {
    close(master);
    close(slave);
  }
  [[nodiscard]] std::string path() const { return name.data(); }

  int master = -1;
  int slave = -1;
  std::array<char, 128> name{};
};

}  // namespace

TEST_CASE("every byte passes unchanged in both directions") {
  Pty pty;
  SerialPort port(pty.path(), 1'000'000);
  std::vector<std::uint8_t> bytes(256);
  for (std::size_t i = 0; i < 256; ++i) bytes[i] = static_cast<std::uint8_t>(i);
  REQUIRE(port.write(bytes, monotonic_ns() + kSoon));
  std::vector<std::uint8_t> got(256);
  for (std::size_t i = 0; i < 256;) {
    const ssize_t count = ::read(pty.master, got.data() + i, 256 - i);
    REQUIRE(count > 0);
    i += static_cast<std::size_t>(count);
  }
  CHECK(got == bytes);
  REQUIRE(::write(pty.master, bytes.data(), 256) == 256);
  std::vector<std::uint8_t> back;
  std::array<std::uint8_t, 64> piece{};
  while (back.size() < 256) {
    const std::size_t count = port.read(piece, monotonic_ns() + kSoon);
    REQUIRE(count > 0);
    back.insert(back.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(count));
  }
  CHECK(back == bytes);
}

TEST_CASE("a port has one owner at a time") {
  Pty pty;
  {
    const SerialPort port(pty.path(), 115'200);
    CHECK_THROWS_WITH_AS(SerialPort(pty.path(), 115'200), doctest::Contains("in use by another program"), DeviceError);
  }
  CHECK_NOTHROW(SerialPort(pty.path(), 115'200));
}

TEST_CASE("what is no port, or no rate, is refused with a reason") {
  CHECK_THROWS_WITH_AS(SerialPort("/dev/null", 115'200), doctest::Contains("is no serial port"), DeviceError);
  CHECK_THROWS_WITH_AS(SerialPort("/dev/nothing", 115'200), doctest::Contains("there is no serial port"), DeviceError);
  Pty pty;
  CHECK_THROWS_WITH_AS(SerialPort(pty.path(), 123), doctest::Contains("baud rate of 123"), DeviceError);
}

TEST_CASE("a read of a quiet line and a write that nobody takes end at their deadlines") {
  Pty pty;
  SerialPort port(pty.path(), 1'000'000);
  std::array<std::uint8_t, 8> byte{};
  std::int64_t deadline_ns = monotonic_ns() + 20'000'000;
  CHECK(port.read(byte, deadline_ns) == 0);
  CHECK(monotonic_ns() >= deadline_ns);
  CHECK_FALSE(port.gone());
  const std::vector<std::uint8_t> much(1'000'000);
  deadline_ns = monotonic_ns() + 20'000'000;
  CHECK_FALSE(port.write(much, deadline_ns));
  CHECK_FALSE(port.gone());
}

TEST_CASE("old input can be thrown away; a hang-up is noticed once what came before it is read") {
  Pty pty;
  SerialPort port(pty.path(), 1'000'000);
  std::array<std::uint8_t, 8> bytes{1, 2, 3};
  REQUIRE(::write(pty.master, bytes.data(), 3) == 3);
  REQUIRE(port.read({bytes.data(), 1}, monotonic_ns() + kSoon) == 1);
  port.discard_input();
  CHECK(port.read(bytes, monotonic_ns() + 1'000'000) == 0);
  close(pty.master);
  pty.master = -1;
  CHECK(port.read(bytes, monotonic_ns() + kSoon) == 0);
  CHECK(port.gone());
  CHECK_FALSE(port.write(bytes, monotonic_ns() + kSoon));
}
