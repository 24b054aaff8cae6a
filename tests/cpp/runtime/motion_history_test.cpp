#include "runtime/motion_history.hpp"

#include <doctest.h>

#include <atomic>
#include <thread>

using namespace retain;

namespace {

Motion at(Nanoseconds time_ns, double value) {
  Motion motion;
  motion.time_ns = time_ns;
  motion.measured.fill(value);
  motion.commanded.fill(-value);
  return motion;
}

}  // namespace

TEST_CASE("a state between two ticks is interpolated; the command is the one in force") {
  MotionHistory history(8, 3);
  Motion found;
  CHECK_FALSE(history.at(0, found));
  for (int k = 1; k <= 20; ++k) history.push(at(k * 10, k));
  CHECK(history.at(185, found));
  CHECK(found.measured[2] == doctest::Approx(18.5));
  CHECK(found.commanded[0] == -18.0);
  CHECK(history.at(1'000, found));
  CHECK(found.measured[0] == 20.0);
  CHECK(history.at(5, found));
  CHECK(found.measured[0] == 13.0);  // the oldest of the eight that are kept
}

TEST_CASE("a reader beside the writer never sees a torn motion") {
  MotionHistory history(4, 16);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int k = 1; k <= 100'000; ++k) {
      history.push(at(k, k));
      if (k % 32 == 0) std::this_thread::yield();
    }
    done.store(true);
  });
  bool whole = true;
  while (!done.load()) {
    Motion found;
    if (!history.at(1'000'000, found)) continue;
    for (std::size_t c = 0; c < 16; ++c) {
      whole = whole && found.measured[c] == found.measured[0] && found.commanded[c] == -found.measured[0];
    }
  }
  writer.join();
  CHECK(whole);
}
