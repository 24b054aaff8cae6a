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
    CHECK((admission.judge(chunk) == Verdict::admitted) == finite);
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
      CHECK(Admission(kLimits, {}).judge(chunk) == Verdict::not_finite);
    }
  }
}

TEST_CASE("values are clamped and counted, or the chunk is rejected, as the rules say") {
  Chunk outside = of({0.9, 1.05, 1.1});
  Admission clamping(kLimits, {});
  CHECK(clamping.judge(outside) == Verdict::admitted);
  CHECK(outside.planned[2] == 1.0);
  CHECK(clamping.counts()[0].position == 2);

  Chunk jumping = of({0.0, 0.5, 0.5});
  CHECK(clamping.judge(jumping) == Verdict::admitted);
  CHECK(jumping.planned[2] == doctest::Approx(0.2));
  CHECK(jumping.planned[4] == doctest::Approx(0.4));
  CHECK(clamping.counts()[0].velocity == 2);

  Chunk again = of({0.9, 1.05, 1.1});
  CHECK(Admission(kLimits, {OnViolation::reject, OnViolation::clamp}).judge(again) == Verdict::out_of_bounds);
  again = of({0.0, 0.5, 0.5});
  CHECK(Admission(kLimits, {OnViolation::clamp, OnViolation::reject}).judge(again) == Verdict::too_fast);
}
