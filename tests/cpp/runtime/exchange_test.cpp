#include <doctest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <thread>

#include "exchange/spsc_ring.hpp"
#include "exchange/triple_buffer.hpp"

using retain::SpscRing;
using retain::TripleBuffer;

TEST_CASE("the ring hands everything over, in order, across threads") {
  constexpr std::uint64_t kCount = 200'000;
  SpscRing<std::uint64_t> ring(64);
  std::thread producer([&] {
    for (std::uint64_t value = 1; value <= kCount;) {
      if (ring.push(value)) {
        ++value;
      } else {
        std::this_thread::yield();
      }
    }
  });
  std::uint64_t expected = 1;
  bool in_order = true;
  while (expected <= kCount) {
    std::uint64_t value = 0;
    if (!ring.pop(value)) {
      std::this_thread::yield();
      continue;
    }
    in_order = in_order && value == expected;
    ++expected;
  }
  producer.join();
  CHECK(in_order);
}

TEST_CASE("a full ring refuses and keeps what it has") {
  SpscRing<int> ring(4);
  for (int i = 0; i < 4; ++i) CHECK(ring.push(i));
  CHECK_FALSE(ring.push(4));
  int value = -1;
  CHECK(ring.pop(value));
  CHECK(value == 0);
}

TEST_CASE("the triple buffer shows whole values, newest last, across threads") {
  using Value = std::array<std::uint64_t, 32>;
  constexpr std::uint64_t kCount = 100'000;
  TripleBuffer<Value> buffer;
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::uint64_t value = 1; value <= kCount; ++value) {
      buffer.back().fill(value);
      buffer.publish();
      if (value % 64 == 0) std::this_thread::yield();
    }
    done.store(true);
  });
  std::uint64_t last = 0;
  bool whole = true;
  bool forward = true;
  bool more = true;
  while (more) {
    more = !done.load();
    if (!buffer.update()) continue;
    const Value& value = buffer.front();
    for (const std::uint64_t part : value) whole = whole && part == value[0];
    forward = forward && value[0] > last;
    last = value[0];
  }
  writer.join();
  CHECK(whole);
  CHECK(forward);
  CHECK(last == kCount);
}
