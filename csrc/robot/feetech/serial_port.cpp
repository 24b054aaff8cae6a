#include "robot/feetech/serial_port.hpp"

#include <fcntl.h>
#include <linux/serial.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <system_error>
#include <utility>

#include "error.hpp"

namespace retain::feetech {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

struct BaudRate {
  int rate;
  speed_t flag;
};

// What this series of servos speaks and termios has a name for.
constexpr std::array kBaudRates{BaudRate{19'200, B19200},   BaudRate{38'400, B38400},   BaudRate{57'600, B57600},
                                BaudRate{115'200, B115200}, BaudRate{500'000, B500000}, BaudRate{1'000'000, B1000000}};

speed_t flag_of(int baud_rate) {
  const auto* found = std::find_if(kBaudRates.begin(), kBaudRates.end(),
                                   [&](const BaudRate& known) { return known.rate == baud_rate; });
  if (found == kBaudRates.end()) {
    throw DeviceError("a baud rate of " + std::to_string(baud_rate) +
                      " is not offered; expected 19200, 38400, 57600, 115200, 500000 or 1000000");
  }
  return found->flag;
}

[[noreturn]] void refuse_to_open(const std::string& path, int reason) {
  switch (reason) {
    case ENOENT:
      throw DeviceError("there is no serial port " + path +
                        "; plug the adapter in and see which appears with: ls /dev/ttyACM* /dev/ttyUSB*");
    case EACCES:
      throw DeviceError("this user may not open " + path + "; run: sudo usermod -aG dialout $USER, then log in again");
    case EBUSY:
    case EWOULDBLOCK:
      throw DeviceError(path + " is in use by another program; end it, see which with: fuser " + path);
    case ENOTTY:
      throw DeviceError(path + " is no serial port; see which are with: ls /dev/ttyACM* /dev/ttyUSB*");
    default:
      throw DeviceError(path + " cannot be opened: " + std::generic_category().message(reason) +
                        "; unplug the adapter and plug it in again");
  }
}

// An FTDI chip gathers bytes for 16 ms unless told otherwise. Where the driver doesn't know the wish, it does no harm.
void ask_for_low_latency(int fd) noexcept {
  serial_struct settings{};
  if (ioctl(fd, TIOCGSERIAL, &settings) != 0) return;
  settings.flags |= ASYNC_LOW_LATENCY;
  (void)ioctl(fd, TIOCSSERIAL, &settings);
}

// TIOCEXCL keeps others out but root; flock() keeps out those that ask, root included (pyserial's exclusive=True asks).
int settle(int fd, speed_t speed) noexcept {
  termios settings{};
  if (tcgetattr(fd, &settings) != 0) return ENOTTY;
  if (flock(fd, LOCK_EX | LOCK_NB) != 0 || ioctl(fd, TIOCEXCL) != 0) return errno;
  cfmakeraw(&settings);
  settings.c_cflag |= CLOCAL | CREAD;
  settings.c_cflag &= ~static_cast<tcflag_t>(CSTOPB | CRTSCTS);
  // With VMIN = 1 a read of nothing is EAGAIN and a read of 0 bytes a hang-up; with 0 the two look alike.
  settings.c_cc[VMIN] = 1;
  settings.c_cc[VTIME] = 0;
  termios taken{};
  if (cfsetspeed(&settings, speed) != 0 || tcsetattr(fd, TCSANOW, &settings) != 0 || tcgetattr(fd, &taken) != 0) {
    return errno;
  }
  // tcsetattr() succeeds if it could do any part of what was asked.
  if (cfgetospeed(&taken) != speed || (taken.c_lflag & ICANON) != 0) return EINVAL;
  ask_for_low_latency(fd);
  return tcflush(fd, TCIOFLUSH) == 0 ? 0 : errno;
}

}  // namespace

std::int64_t monotonic_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * kSecond + now.tv_nsec;
}

SerialPort::SerialPort(const std::string& path, int baud_rate) : baud_rate_(baud_rate) {
  const speed_t speed = flag_of(baud_rate);
  fd_ = open(path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (fd_ < 0) refuse_to_open(path, errno);
  if (const int reason = settle(fd_, speed); reason != 0) {
    close(fd_);
    refuse_to_open(path, reason);
  }
}

SerialPort::SerialPort(SerialPort&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), baud_rate_(other.baud_rate_), gone_(other.gone_) {}

SerialPort::~SerialPort() {
  if (fd_ < 0) return;
  // Closing waits for output that has not gone out yet, for up to 30 s behind a dead cable.
  if (gone_) (void)tcflush(fd_, TCIOFLUSH);
  (void)ioctl(fd_, TIOCNXCL);
  close(fd_);
}

bool SerialPort::write(std::span<const std::uint8_t> bytes, std::int64_t deadline_ns) noexcept {
  while (!bytes.empty() && !gone_) {
    const ssize_t taken = ::write(fd_, bytes.data(), bytes.size());
    if (taken > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(taken));
    } else if (taken < 0 && errno != EAGAIN && errno != EINTR) {
      gone_ = true;
    } else if (!wait(POLLOUT, deadline_ns)) {
      // Half a packet must not stand before the next one.
      (void)tcflush(fd_, TCOFLUSH);
      return false;
    }
  }
  return bytes.empty();
}

std::size_t SerialPort::read(std::span<std::uint8_t> bytes, std::int64_t deadline_ns) noexcept {
  while (!gone_) {
    const ssize_t got = ::read(fd_, bytes.data(), bytes.size());
    if (got > 0) return static_cast<std::size_t>(got);
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      gone_ = true;
    } else if (!wait(POLLIN, deadline_ns)) {
      break;
    }
  }
  return 0;
}

void SerialPort::discard_input() noexcept {
  if (!gone_) (void)tcflush(fd_, TCIFLUSH);
}

bool SerialPort::wait(short events, std::int64_t deadline_ns) noexcept {
  const std::int64_t left_ns = deadline_ns - monotonic_ns();
  if (left_ns <= 0) return false;
  const timespec left{.tv_sec = static_cast<time_t>(left_ns / kSecond),
                      .tv_nsec = static_cast<long>(left_ns % kSecond)};
  pollfd ready{.fd = fd_, .events = events, .revents = 0};
  const int count = ppoll(&ready, 1, &left, nullptr);
  if (count < 0) return errno == EINTR;
  // Bytes that came before the hang-up are still to be read; the read after them says that the port is gone.
  if (count > 0 && (ready.revents & events) == 0) gone_ = true;
  return count > 0 && !gone_;
}

}  // namespace retain::feetech
