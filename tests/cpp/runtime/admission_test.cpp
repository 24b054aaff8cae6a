#include "runtime/admission.hpp"

#include <doctest.h>

#include <bit>
#include <cmath>
#include <random>

using namespace retain;

namespace {

const std::vector<ChannelLimits> kLimits{{"joint", Interpolation::linear, -1.0, 1.0, 2.0, 10.0, 200.0},
                                         {"cup", Interpolation::hold, 0.0, 1.0, 0.0, 0.0}};

Chunk of(std::vector<double> joint) {
  Chunk chunk(joint.size(), 2);
  chunk.dt_ns = to_ns(0.1);
  for (std::size_t row = 0; row < joint.size(); ++row) chunk.planned[2 * row] = joint[row];
  return chunk;
}

const Seam kAtRest{.row = 0, .command = {}, .room_s = 10.0};

}  // namespace

TEST_CASE("a chunk is admitted exactly if all its bit patterns are finite, and then lies inside the limits") {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20'000; ++i) {
    Chunk chunk = of({0.0, 0.1, 0.2, 0.3});
    bool finite = true;
    for (int k = 0; k < 3; ++k) {
      const double value = std::bit_cast<double>(random());
      finite = finite && std::isfinite(value);
      chunk.planned[random() % 8] = value;
    }
    finite = true;
    for (const double value : chunk.planned) finite = finite && std::isfinite(value);
    Admission admission(kLimits, {});
    CHECK((admission.judge(chunk, kAtRest) == Verdict::admitted) == finite);
    if (!finite) continue;
    for (std::size_t row = 0; row < 4; ++row) {
      CHECK(std::abs(chunk.planned[2 * row]) <= 1.0);
      if (row > 0) CHECK(std::abs(chunk.planned[2 * row] - chunk.planned[2 * row - 2]) <= 0.2 + 1e-6);
    }
  }
}

TEST_CASE("every NaN and infinity bit pattern class is refused, wherever it stands") {
  for (const std::uint64_t bits : {0x7FF0000000000000ULL, 0xFFF0000000000000ULL, 0x7FF8000000000000ULL,
                                   0x7FF0000000000001ULL, 0xFFFFFFFFFFFFFFFFULL, 0x7FF4000000000000ULL}) {
    for (std::size_t place = 0; place < 8; ++place) {
      Chunk chunk = of({0.0, 0.0, 0.0, 0.0});
      chunk.planned[place] = std::bit_cast<double>(bits);
      CHECK(Admission(kLimits, {}).judge(chunk, kAtRest) == Verdict::not_finite);
    }
  }
}

TEST_CASE("values are clamped and counted, or the chunk is rejected, as the rules say") {
  Chunk outside = of({0.9, 1.05, 1.1});
  Admission clamping(kLimits, {});
  CHECK(clamping.judge(outside, kAtRest) == Verdict::admitted);
  CHECK(outside.planned[2] == 1.0);
  CHECK(clamping.counts()[0].position == 2);

  Chunk jumping = of({0.0, 0.5, 0.5});
  CHECK(clamping.judge(jumping, kAtRest) == Verdict::admitted);
  CHECK(jumping.planned[2] == doctest::Approx(0.2));
  CHECK(jumping.planned[4] == doctest::Approx(0.4));
  CHECK(clamping.counts()[0].velocity == 2);

  Chunk again = of({0.9, 1.05, 1.1});
  CHECK(Admission(kLimits, {.out_of_bounds = OnViolation::reject}).judge(again, kAtRest) == Verdict::out_of_bounds);
  again = of({0.0, 0.5, 0.5});
  CHECK(Admission(kLimits, {.too_fast = OnViolation::reject}).judge(again, kAtRest) == Verdict::too_fast);
}

TEST_CASE("the first row that plays is measured against the command in force, and the chunk keeps its meaning") {
  const Seam seam{.row = 1, .command = {0.0, 0.0}, .room_s = 0.05};
  const std::vector<double> rows{0.3, 0.15, 0.2};
  Chunk chunk = of(rows);
  Admission clamping(kLimits, {});
  CHECK(clamping.judge(chunk, seam) == Verdict::admitted);  // 2 per second reach 0.1 in 0.05 s
  CHECK(clamping.counts()[0].seam == 1);
  for (std::size_t row = 0; row < 3; ++row) CHECK(chunk.planned[2 * row] == rows[row]);
  CHECK(Admission(kLimits, {.seam = OnViolation::reject}).judge(chunk, seam) == Verdict::seam);
  CHECK(Admission(kLimits, {.seam = OnViolation::reject}).judge(chunk, {1, {0.1, 0.0}, 0.05}) == Verdict::admitted);
}

TEST_CASE("a chunk whose rows jerk is counted and left to the limiter, or rejected") {
  // Third differences of 0, .1, 0, .1, 0 are 0.4; 200 per second cubed allow 0.2 in 0.1 s.
  Chunk shaking = of({0.0, 0.1, 0.0, 0.1, 0.0});
  Admission clamping(kLimits, {});
  CHECK(clamping.judge(shaking, kAtRest) == Verdict::admitted);
  CHECK(clamping.counts()[0].jerk == 2);
  CHECK(shaking.planned[2] == doctest::Approx(0.1));
  CHECK(Admission(kLimits, {.too_jerky = OnViolation::reject}).judge(shaking, kAtRest) == Verdict::too_jerky);
}
