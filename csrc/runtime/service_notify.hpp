// The service manager is told that the loop is ready, alive and ending: sd_notify's datagrams, without libsystemd.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/clock.hpp"

namespace retain {

/// What systemd puts into the environment of a service with Type=notify.
struct ServiceEnvironment {
  std::string socket;                   ///< $NOTIFY_SOCKET: a path, or '@' and an abstract name; empty: no manager
  std::optional<Nanoseconds> watchdog;  ///< $WATCHDOG_USEC, where $WATCHDOG_PID is this process or is not set

  /// Reads the variables once. Values that cannot be right count as absent.
  static ServiceEnvironment read();
};

/// Sends to the manager's datagram socket. Any thread but the tick's; nothing throws and nothing waits: a full or
/// missing socket costs a message, never the arm. Without a socket every call does nothing and returns false.
class ServiceNotify {
 public:
  explicit ServiceNotify(const ServiceEnvironment& environment);
  ServiceNotify(const ServiceNotify&) = delete;
  ServiceNotify& operator=(const ServiceNotify&) = delete;
  ~ServiceNotify();

  [[nodiscard]] bool connected() const noexcept { return socket_ >= 0; }

  /// How often watchdog() should be called: half of the manager's patience. None: the manager does not watch.
  [[nodiscard]] std::optional<Nanoseconds> watchdog_interval_ns() const noexcept { return interval_ns_; }

  /// The engine is warm and the arm holds: READY=1.
  bool ready() noexcept { return send("READY=1"); }

  /// One line for `systemctl status`. What follows a line break is left out.
  bool status(std::string_view line) noexcept;

  /// The arm is being ramped down: STOPPING=1.
  bool stopping() noexcept { return send("STOPPING=1"); }

  /// WATCHDOG=1, but only if the tick has advanced since the last call that sent it: a process that lives while its
  /// tick hangs is not alive.
  /// @param ticks how many ticks the loop has made
  /// @return whether the message was sent
  bool watchdog(std::uint64_t ticks) noexcept;

 private:
  bool send(std::string_view message) noexcept;

  int socket_ = -1;
  std::optional<Nanoseconds> interval_ns_;
  std::optional<std::uint64_t> ticks_;
};

}  // namespace retain
