#include "runtime/service_notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace retain {

namespace {

constexpr Nanoseconds kNanosecondsPerMicrosecond = 1'000;
constexpr std::size_t kLongestStatus = 256;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::optional<std::int64_t> positive(const std::string& text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stopped != end || value <= 0) return std::nullopt;
  return value;
}

// Connected once: later sends need no address, and a name that is too long is found out here.
int connect_to(const std::string& name) noexcept {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() < 2 || name.size() >= sizeof(address.sun_path) || (name[0] != '/' && name[0] != '@')) return -1;
  std::memcpy(address.sun_path, name.data(), name.size());
  std::size_t length = offsetof(sockaddr_un, sun_path) + name.size();
  if (name[0] == '@') {
    address.sun_path[0] = '\0';  // abstract: the length counts, no terminator
  } else {
    ++length;
  }
  const int made = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (made < 0) return -1;
  if (connect(made, reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(length)) != 0) {
    close(made);
    return -1;
  }
  return made;
}

}  // namespace

ServiceEnvironment ServiceEnvironment::read() {
  ServiceEnvironment environment{variable("NOTIFY_SOCKET"), std::nullopt};
  const std::string pid = variable("WATCHDOG_PID");
  const std::optional<std::int64_t> patience_us = positive(variable("WATCHDOG_USEC"));
  const bool meant_for_us = pid.empty() || positive(pid) == std::int64_t{getpid()};
  if (patience_us && meant_for_us && *patience_us <= INT64_MAX / kNanosecondsPerMicrosecond) {
    environment.watchdog = *patience_us * kNanosecondsPerMicrosecond;
  }
  return environment;
}

ServiceNotify::ServiceNotify(const ServiceEnvironment& environment) : socket_(connect_to(environment.socket)) {
  if (environment.watchdog) interval_ns_ = std::max<Nanoseconds>(*environment.watchdog / 2, 1);
}

ServiceNotify::~ServiceNotify() {
  if (socket_ >= 0) close(socket_);
}

bool ServiceNotify::status(std::string_view line) noexcept {
  constexpr std::string_view kKey = "STATUS=";
  std::array<char, kLongestStatus> message;
  line = line.substr(0, line.find('\n'));
  const std::size_t length = std::min(line.size(), message.size() - kKey.size());
  std::copy_n(kKey.data(), kKey.size(), message.data());
  std::copy_n(line.data(), length, message.data() + kKey.size());
  return send({message.data(), kKey.size() + length});
}

bool ServiceNotify::watchdog(std::uint64_t ticks) noexcept {
  if (ticks_ == ticks) return false;
  if (!send("WATCHDOG=1")) return false;
  ticks_ = ticks;
  return true;
}

bool ServiceNotify::send(std::string_view message) noexcept {
  if (socket_ < 0) return false;
  return ::send(socket_, message.data(), message.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(message.size());
}

}  // namespace retain
