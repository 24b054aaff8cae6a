#include "runtime/sampler.hpp"

#include <doctest.h>

#include <random>

using namespace retain;

namespace {

Chunk ramp(std::size_t rows, Nanoseconds start_ns) {
  Chunk chunk(rows, 2);
  chunk.id = 1;
  chunk.start_ns = start_ns;
  chunk.dt_ns = to_ns(0.1);
  chunk.playable_rows = rows;
  chunk.origin = {0.0, 0.0};
  for (std::size_t row = 0; row < rows; ++row) {
    chunk.planned[2 * row] = static_cast<double>(row + 1);  // 10 per second
    chunk.planned[2 * row + 1] = row % 2 == 0 ? 1.0 : 0.0;
  }
  return chunk;
}

const std::vector<Interpolation> kChannels{Interpolation::linear, Interpolation::hold};

}  // namespace

TEST_CASE("row k is reached at start + (k + 1)·dt") {
  const Chunk chunk = ramp(4, 1'000);
  Target target;
  for (std::size_t row = 0; row < 4; ++row) {
    sample(chunk, kChannels, chunk.due_ns(row), target);
    CHECK(target.position[0] == doctest::Approx(static_cast<double>(row + 1)));
  }
  CHECK(target.exhausted);
}

TEST_CASE("sampling equals a plain interpolation at any time") {
  const Nanoseconds start_ns = 7'000'000'123;
  const Chunk chunk = ramp(8, start_ns);
  std::mt19937_64 random(1);
  for (int i = 0; i < 10'000; ++i) {
    const double t = std::uniform_real_distribution<double>(-0.2, 1.2)(random);
    Target target;
    sample(chunk, kChannels, start_ns + to_ns(t), target);
    const double inside = std::min(std::max(t, 0.0), 0.8);
    CHECK(target.position[0] == doctest::Approx(10.0 * inside).epsilon(1e-7));
    CHECK(target.exhausted == (to_ns(t) >= to_ns(0.8)));
    // The plan ends in row 7, and rests from then on: no speed is kept beyond the middle of that row.
    CHECK(target.velocity[0] == doctest::Approx(to_ns(t) >= to_ns(0.75) ? 0.0 : 10.0));
  }
}

TEST_CASE(
    "the speed of the target is what the plan keeps: the smaller of neighbouring slopes, none where it turns round") {
  Chunk chunk = ramp(4, 0);
  const std::vector<double> rows{1.0, 4.0, 3.0, 5.0};  // slopes 10, 30, −10, 20
  for (std::size_t row = 0; row < 4; ++row) chunk.planned[2 * row] = rows[row];
  const std::vector<std::pair<double, double>> expected{{0.02, 10.0}, {0.08, 10.0}, {0.12, 10.0}, {0.18, 0.0},
                                                        {0.22, 0.0},  {0.28, 0.0},  {0.32, 0.0},  {0.38, 0.0}};
  for (const auto& [time_s, velocity] : expected) {
    CAPTURE(time_s);
    Target target;
    sample(chunk, kChannels, to_ns(time_s), target);
    CHECK(target.velocity[0] == doctest::Approx(velocity));
  }
}

TEST_CASE("a hold channel takes a row's value at the start of its dt") {
  const Chunk chunk = ramp(4, 0);
  Target target;
  sample(chunk, kChannels, 0, target);
  CHECK(target.position[1] == 1.0);
  sample(chunk, kChannels, to_ns(0.0999), target);
  CHECK(target.position[1] == 1.0);
  sample(chunk, kChannels, to_ns(0.1), target);
  CHECK(target.position[1] == 0.0);
  CHECK(target.velocity[1] == 0.0);
}

TEST_CASE("past the end the last playable row holds, at rest") {
  Chunk chunk = ramp(4, 0);
  chunk.playable_rows = 2;
  Target target;
  sample(chunk, kChannels, to_ns(0.35), target);
  CHECK(target.exhausted);
  CHECK(target.row == 1);
  CHECK(target.position[0] == 2.0);
  CHECK(target.velocity[0] == 0.0);
}
