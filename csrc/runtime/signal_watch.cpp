#include "runtime/signal_watch.hpp"

#include <atomic>

namespace retain {

namespace {

std::atomic<int> arrived{0};
static_assert(std::atomic<int>::is_always_lock_free);

extern "C" void count_signal(int) { arrived.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

SignalWatch::SignalWatch() noexcept {
  arrived.store(0, std::memory_order_relaxed);
  struct sigaction action{};
  action.sa_handler = count_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &former_interrupt_);
  sigaction(SIGTERM, &action, &former_terminate_);
}

SignalWatch::~SignalWatch() {
  sigaction(SIGINT, &former_interrupt_, nullptr);
  sigaction(SIGTERM, &former_terminate_, nullptr);
}

int SignalWatch::count() noexcept { return arrived.load(std::memory_order_relaxed); }

}  // namespace retain
