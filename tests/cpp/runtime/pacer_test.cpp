#include "runtime/pacer.hpp"

#include <doctest.h>

using namespace retain;

TEST_CASE("ticks stay on their grid, however long the bodies take") {
  VirtualClock clock(1'000);
  Pacer pacer(clock.now_ns(), 2'000'000);
  for (int k = 1; k <= 100; ++k) {
    const Wake wake = pacer.wait(clock);
    CHECK(wake.due_ns == 1'000 + k * 2'000'000LL);
    CHECK(wake.skipped == 0);
    clock.advance(1'500'000);
  }
}

TEST_CASE("a late tick skips whole periods and keeps its phase") {
  VirtualClock clock(0);
  Pacer pacer(0, 2'000'000);
  pacer.wait(clock);
  clock.advance_to(9'500'000);  // 2 ms, then lost until 9.5 ms: 4, 6 are gone, 8 is due
  const Wake wake = pacer.wait(clock);
  CHECK(wake.due_ns == 8'000'000);
  CHECK(wake.now_ns == 9'500'000);
  CHECK(wake.skipped == 2);
  CHECK(pacer.wait(clock).due_ns == 10'000'000);
}

TEST_CASE("the monotonic clock sleeps to an absolute instant and never returns early") {
  MonotonicClock clock;
  for (int k = 0; k < 20; ++k) {
    const Nanoseconds instant_ns = clock.now_ns() + 300'000;
    clock.sleep_until(instant_ns);
    CHECK(clock.now_ns() >= instant_ns);
  }
  const Nanoseconds before_ns = clock.now_ns();
  clock.sleep_until(before_ns - to_ns(10.0));
  CHECK(clock.now_ns() - before_ns < to_ns(1.0));
}
