// sd_notify against a real datagram socket, as the service manager holds it.
#include "runtime/service_notify.hpp"

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

using namespace retain;

namespace {

std::string unique_name(const std::string& start) {
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

std::string file_name() { return std::filesystem::temp_directory_path() / unique_name("retain-notify-"); }

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

}  // namespace

TEST_CASE("the manager hears each message as one datagram, over a path and over an abstract name") {
  for (const std::string& name : {file_name(), unique_name("@retain-notify-")}) {
    CAPTURE(name);
    const Manager manager(name);
    ServiceNotify notify({manager.name(), std::nullopt});
    REQUIRE(notify.connected());
    CHECK(notify.ready());
    CHECK(manager.receive() == "READY=1");
    CHECK(notify.status("running, 3 chunks"));
    CHECK(manager.receive() == "STATUS=running, 3 chunks");
    CHECK(notify.stopping());
    CHECK(manager.receive() == "STOPPING=1");
    CHECK(manager.receive().empty());
  }
}

TEST_CASE("a status is one line and fits: it cannot smuggle in another message") {
  const Manager manager(unique_name("@retain-notify-"));
  ServiceNotify notify({manager.name(), std::nullopt});
  CHECK(notify.status("fault\nWATCHDOG=1"));
  CHECK(manager.receive() == "STATUS=fault");
  CHECK(notify.status(std::string(10'000, 'x')));
  CHECK(manager.receive().size() == 256);
}

TEST_CASE("the watchdog is fed only while the tick advances") {
  const Manager manager(unique_name("@retain-notify-"));
  ServiceNotify notify({manager.name(), to_ns(0.5)});
  std::uint64_t ticks = 0;
  std::mt19937 random(7);
  bool first = true;
  for (int call = 0; call < 1000; ++call) {
    const std::uint64_t more = random() % 3;
    ticks += more;
    CHECK(notify.watchdog(ticks) == (first || more > 0));
    CHECK(manager.receive() == (first || more > 0 ? "WATCHDOG=1" : ""));
    first = false;
  }
}

TEST_CASE("a watchdog message that could not be sent is tried again without a new tick") {
  ServiceEnvironment environment{unique_name("@retain-notify-"), to_ns(0.5)};
  auto manager = std::make_unique<Manager>(environment.socket);
  ServiceNotify notify(environment);
  int sent = 0;
  while (notify.watchdog(static_cast<std::uint64_t>(sent + 1)) && sent < 100'000) ++sent;  // until its queue is full
  REQUIRE(sent > 0);
  const auto tick = static_cast<std::uint64_t>(sent + 1);
  CHECK_FALSE(notify.watchdog(tick));
  while (!manager->receive().empty()) {
  }
  CHECK(notify.watchdog(tick));
  manager.reset();
  CHECK_FALSE(notify.watchdog(tick + 1));  // the manager is gone: no exception, no signal
}

TEST_CASE("without a manager nothing is sent and nothing fails") {
  for (const char* name : {"", "/", "@", "relative/path", "/nobody/listens/here"}) {
    CAPTURE(name);
    ServiceNotify notify({name, std::nullopt});
    CHECK_FALSE(notify.connected());
    CHECK_FALSE(notify.ready());
    CHECK_FALSE(notify.watchdog(1));
  }
  CHECK_FALSE(ServiceNotify({"/" + std::string(200, 'x'), std::nullopt}).connected());
}

TEST_CASE("the environment is read as systemd writes it; half of its patience is the interval") {
  const Variable socket("NOTIFY_SOCKET", "/run/systemd/notify");
  {
    const Variable patience("WATCHDOG_USEC", "500000");
    CHECK(ServiceEnvironment::read().socket == "/run/systemd/notify");
    CHECK(ServiceNotify(ServiceEnvironment::read()).watchdog_interval_ns() == to_ns(0.25));
    const Variable ours("WATCHDOG_PID", std::to_string(getpid()));
    CHECK(ServiceEnvironment::read().watchdog == to_ns(0.5));
    const Variable other("WATCHDOG_PID", std::to_string(getpid() + 1));
    CHECK_FALSE(ServiceEnvironment::read().watchdog.has_value());
  }
  for (const char* wrong : {"", "0", "-5", "soon", "5s", "99999999999999999999"}) {
    const Variable patience("WATCHDOG_USEC", wrong);
    CHECK_FALSE(ServiceEnvironment::read().watchdog.has_value());
  }
}
