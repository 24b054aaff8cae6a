// The service manager's end of a notify socket, and environment variables for the life of a test.
#pragma once

#include <doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>
#include <string>

namespace retain::testing {

inline std::string unique_name(const std::string& start) {
  return start + std::to_string(getpid()) + "-" + std::to_string(std::random_device{}());
}

/// The manager's end.
class Manager {
 public:
  explicit Manager(std::string name) : name_(std::move(name)), socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name_.data(), name_.size());
    if (name_[0] == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size());
    REQUIRE(bind(socket_, reinterpret_cast<const sockaddr*>(&address), length) == 0);
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  ~Manager() {
    close(socket_);
    if (name_[0] != '@') std::filesystem::remove(name_);
  }

  /// The next datagram; "" when there is none.
  std::string receive() const {
    std::array<char, 1024> buffer;
    const ssize_t size = recv(socket_, buffer.data(), buffer.size(), 0);
    return size < 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(size));
  }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  std::string name_;
  int socket_;
};

inline std::string socket_file() { return std::filesystem::temp_directory_path() / unique_name("retain-notify-"); }

/// A variable for the life of a test.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { setenv(name, value.c_str(), 1); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  ~Variable() { unsetenv(name_); }

 private:
  const char* name_;
};

}  // namespace retain::testing
