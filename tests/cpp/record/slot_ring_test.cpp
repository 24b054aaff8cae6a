#include "exchange/slot_ring.hpp"

#include <doctest.h>

#include <thread>
#include <vector>

using namespace retain;

TEST_CASE("a full slot ring refuses, and gives back in order what it took") {
  SlotRing<int> ring(3, 0);
  for (int value = 1; value <= 3; ++value) {
    int* slot = ring.claim();
    REQUIRE(slot != nullptr);
    *slot = value;
    ring.publish();
  }
  CHECK(ring.claim() == nullptr);
  for (int value = 1; value <= 3; ++value) {
    const int* slot = ring.front();
    REQUIRE(slot != nullptr);
    CHECK(*slot == value);
    ring.pop();
  }
  CHECK(ring.front() == nullptr);
  CHECK(SlotRing<int>(0, 0).claim() == nullptr);
}

TEST_CASE("between two threads every value arrives once, whole and in order") {
  using Value = std::vector<std::uint32_t>;
  SlotRing<Value> ring(4, Value(64));
  constexpr std::uint32_t kCount = 20'000;
  std::thread producer([&] {
    for (std::uint32_t i = 0; i < kCount;) {
      Value* slot = ring.claim();
      if (slot == nullptr) {
        std::this_thread::yield();
        continue;
      }
      std::fill(slot->begin(), slot->end(), i);
      ring.publish();
      ++i;
    }
  });
  bool whole = true;
  for (std::uint32_t i = 0; i < kCount;) {
    const Value* slot = ring.front();
    if (slot == nullptr) {
      std::this_thread::yield();
      continue;
    }
    for (const std::uint32_t value : *slot) whole = whole && value == i;
    ring.pop();
    ++i;
  }
  producer.join();
  CHECK(whole);
}
