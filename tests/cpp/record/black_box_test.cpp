// Whatever is pushed, the black box gives back exactly the window before the newest message.
#include "record/black_box.hpp"

#include <doctest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

using namespace retain;

namespace {

struct Kept {
  std::uint32_t sequence = 0;
  Nanoseconds log_ns = 0;
  std::vector<std::byte> data;

  bool operator==(const Kept&) const = default;
};

std::vector<Kept> read(const BlackBox& box) {
  std::vector<Kept> all;
  box.for_each([&](const Message& message) {
    all.push_back({message.sequence, message.log_ns, {message.data.begin(), message.data.end()}});
  });
  return all;
}

Message message_of(const Kept& kept) {
  return {.topic = 1, .sequence = kept.sequence, .log_ns = kept.log_ns, .publish_ns = kept.log_ns, .data = kept.data};
}

}  // namespace

TEST_CASE("for any sequence of pushes it holds exactly the last window") {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    const Nanoseconds window_ns = 1 + static_cast<Nanoseconds>(random() % 2000);
    BlackBox box(window_ns, 256 * 1024);  // room for all that a round pushes
    std::vector<Kept> pushed;
    Nanoseconds now_ns = 0;
    Nanoseconds newest_ns = 0;
    for (std::uint32_t i = 0; i < 500; ++i) {
      now_ns += static_cast<Nanoseconds>(random() % 40);
      // Some tell of an earlier moment, as an answer does that is drained after later ticks.
      const Nanoseconds log_ns =
          std::max<Nanoseconds>(0, now_ns - static_cast<Nanoseconds>(random() % 3 == 0 ? random() % 300 : 0));
      newest_ns = std::max(newest_ns, log_ns);
      Kept kept{i, log_ns, std::vector<std::byte>(random() % 400)};
      for (std::byte& b : kept.data) b = static_cast<std::byte>(random());
      box.push(message_of(kept));
      pushed.push_back(std::move(kept));
    }
    std::vector<Kept> expected;
    std::copy_if(pushed.begin(), pushed.end(), std::back_inserter(expected),
                 [&](const Kept& kept) { return kept.log_ns >= newest_ns - window_ns; });
    CHECK(read(box) == expected);
    CHECK(box.crowded_out() == 0);
  }
}

TEST_CASE("where memory is short the newest stay, whole and in order, and the others are counted") {
  std::mt19937 random(8);
  for (int round = 0; round < 200; ++round) {
    BlackBox box(1'000'000, 200 + random() % 4000);  // one message always fits
    std::vector<Kept> pushed;
    for (std::uint32_t i = 0; i < 300; ++i) {
      Kept kept{i, static_cast<Nanoseconds>(i), std::vector<std::byte>(random() % 90)};
      for (std::byte& b : kept.data) b = static_cast<std::byte>(random());
      box.push(message_of(kept));
      pushed.push_back(std::move(kept));
    }
    const std::vector<Kept> got = read(box);
    CHECK(got.size() + box.crowded_out() == pushed.size());
    if (box.crowded_out() < pushed.size()) {
      CHECK(std::equal(got.rbegin(), got.rend(), pushed.rbegin()));
    }
  }
}

TEST_CASE("an empty box gives nothing, and one without memory keeps nothing") {
  CHECK(read(BlackBox(1, 100)).empty());
  BlackBox none(1, 0);
  none.push({});
  CHECK(read(none).empty());
  CHECK(none.crowded_out() == 1);
}
