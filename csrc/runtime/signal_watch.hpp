// SIGINT and SIGTERM while a loop runs: the first asks for a ramp-down, the second for an immediate drop.
#pragma once

#include <csignal>

namespace retain {

/// Counts the signals that arrive during its life, and puts the former handlers back at its end. One at a time in a
/// process (the loop sees to that). A handler may only touch lock-free atomics; the tick thread reads the count.
class SignalWatch {
 public:
  SignalWatch() noexcept;
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  ~SignalWatch();

  [[nodiscard]] static int count() noexcept;

 private:
  struct sigaction former_interrupt_{};
  struct sigaction former_terminate_{};
};

}  // namespace retain
