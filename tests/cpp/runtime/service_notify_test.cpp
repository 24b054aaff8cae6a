// sd_notify against a real datagram socket, as the service manager holds it.
#include "runtime/service_notify.hpp"

#include <doctest.h>

#include "runtime/service_manager.hpp"

using namespace retain;
using namespace retain::testing;

TEST_CASE("the manager hears each message as one datagram, over a path and over an abstract name") {
  for (const std::string& name : {socket_file(), unique_name("@retain-notify-")}) {
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
