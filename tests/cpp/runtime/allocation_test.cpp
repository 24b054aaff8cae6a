// The tick path allocates nothing: operator new counts.
#include <doctest.h>

#include <new>

#include "allocation_count.hpp"
#include "runtime/rig.hpp"

using namespace retain;
using namespace retain::testing;

TEST_CASE("ten thousand ticks through chunks, holds and a ramp allocate nothing") {
  Scenario scenario;
  scenario.camera_works = [](double t) { return t < 12.0; };
  Rig rig(scenario, drift(0.02));
  std::uint64_t ticks = 0;
  std::uint64_t allocations = 0;
  Nanoseconds due_ns = rig.clock.now_ns();
  rig.run_until(0.2);
  due_ns = rig.clock.now_ns();
  while (ticks < 10'000) {
    // The infer thread's share, uncounted: a new chunk every second.
    if (ticks % 500 == 0) {
      Chunk& chunk = rig.chunks.back();
      chunk.id = 100 + ticks;
      chunk.observed_ns = chunk.start_ns = due_ns;
      chunk.dt_ns = to_ns(0.1);
      chunk.playable_rows = 8;  // 0.8 s of each second, then a hold
      rig.chunks.publish();
    }
    if (ticks == 9'900) rig.requests.stop.store(true);
    due_ns += to_ns(0.002);
    rig.clock.advance_to(due_ns);
    AllocationCount count;
    (void)rig.controller->tick({.due_ns = due_ns, .now_ns = due_ns, .skipped = 0});
    allocations += count.stop();
    rig.recorder.drain();
    ++ticks;
  }
  CHECK(allocations == 0);
  CHECK(rig.controller->supervisor().holds() > 5);
  CHECK(rig.state() == State::hold);
}

TEST_CASE("the counter counts") {
  AllocationCount count;
  void* const memory = ::operator new(1);  // a call, not an expression: it cannot be optimized away
  CHECK(count.stop() == 1);
  ::operator delete(memory);
}
