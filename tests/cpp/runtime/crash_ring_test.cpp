#include "runtime/crash_ring.hpp"

#include <doctest.h>

#include <atomic>
#include <memory>
#include <thread>

using namespace retain;

namespace {

// Every value of an entry follows from its number, so that a mixture of two is found out.
CrashEntry entry_of(std::uint64_t number, std::size_t channels) {
  CrashEntry entry;
  entry.time_ns = static_cast<std::int64_t>(number * 7);
  entry.chunk = number / 16;
  entry.row = static_cast<std::uint32_t>(number % 16);
  entry.state = static_cast<std::uint8_t>(number % 6);
  entry.reaction = static_cast<std::uint8_t>(number % 4);
  for (std::size_t c = 0; c < channels; ++c) {
    entry.measured[c] = static_cast<double>(number) + 0.25 * static_cast<double>(c);
    entry.sent[c] = -entry.measured[c];
  }
  return entry;
}

bool whole(const CrashEntry& entry, std::size_t channels) {
  const CrashEntry expected = entry_of(entry.number, channels);
  return entry.time_ns == expected.time_ns && entry.chunk == expected.chunk && entry.row == expected.row &&
         entry.state == expected.state && entry.reaction == expected.reaction && entry.measured == expected.measured &&
         entry.sent == expected.sent;
}

}  // namespace

TEST_CASE("the newest entries are kept, each as it was pushed") {
  for (const std::size_t channels : {std::size_t{1}, std::size_t{14}, kMaxChannels}) {
    const auto ring = std::make_unique<CrashRing>(channels);
    CrashEntry entry;
    CHECK_FALSE(ring->read(0, entry));
    CHECK_FALSE(ring->read(1, entry));
    const std::uint64_t pushed = CrashRing::kEntries + 100;
    for (std::uint64_t number = 1; number <= pushed; ++number) ring->push(entry_of(number, channels));
    CHECK(ring->count() == pushed);
    CHECK_FALSE(ring->read(100, entry));
    CHECK_FALSE(ring->read(pushed + 1, entry));
    for (std::uint64_t number = 101; number <= pushed; ++number) {
      REQUIRE(ring->read(number, entry));
      CHECK(entry.number == number);
      CHECK(whole(entry, channels));
    }
  }
}

TEST_CASE("a reader beside the writer gets whole entries or none") {
  constexpr std::size_t kChannels = 14;
  const auto ring = std::make_unique<CrashRing>(kChannels);
  // Both go on until the reader has met the writer often, however the machine lets them run.
  constexpr std::uint64_t kEnough = 5'000;
  std::atomic<bool> enough{false};
  std::atomic<std::uint64_t> written{0};
  std::thread writer([&] {
    for (std::uint64_t number = 1; !enough.load() || number <= CrashRing::kEntries; ++number) {
      ring->push(entry_of(number, kChannels));
      written.store(number);
    }
  });
  for (std::uint64_t read = 0; read < kEnough;) {
    const std::uint64_t newest = ring->count();
    // The oldest that may still be there: the one that the writer overwrites next.
    const std::uint64_t oldest = newest > CrashRing::kEntries ? newest - CrashRing::kEntries + 1 : 1;
    for (const std::uint64_t number : {oldest, oldest + 1, newest}) {
      CrashEntry entry;
      if (!ring->read(number, entry)) continue;
      ++read;
      if (entry.number != number || !whole(entry, kChannels)) {
        enough.store(true);
        writer.join();
        FAIL("a torn entry was taken for whole");
      }
    }
  }
  enough.store(true);
  writer.join();
  CrashEntry entry;
  CHECK(ring->read(written.load(), entry));
}
