#include "runtime/overlap.hpp"

#include <doctest.h>

#include <cmath>
#include <random>

using namespace retain;

namespace {

constexpr Nanoseconds kDt = 100'000'000;
const std::vector<Interpolation> kBoth{Interpolation::linear, Interpolation::hold};

Chunk chunk_at(Nanoseconds start_ns, std::vector<double> joint, std::vector<double> cup, std::uint64_t id = 1) {
  Chunk chunk(joint.size(), 2);
  chunk.id = id;
  chunk.observed_ns = chunk.start_ns = start_ns;
  chunk.dt_ns = kDt;
  chunk.playable_rows = joint.size();
  for (std::size_t row = 0; row < joint.size(); ++row) {
    chunk.policy[2 * row] = chunk.planned[2 * row] = joint[row];
    chunk.policy[2 * row + 1] = chunk.planned[2 * row + 1] = cup[row];
  }
  return chunk;
}

}  // namespace

TEST_CASE("lerobot #4454: a left-over is filled up with its last row, never with zeros") {
  const Chunk running = chunk_at(0, {1.0, 2.0, 3.0, 4.0}, {0.0, 0.0, 1.0, 1.0});
  std::vector<double> rows(8);
  CHECK(left_over(running, kBoth, 2 * kDt, rows) == 2);
  CHECK(rows == std::vector<double>{3.0, 1.0, 4.0, 1.0, 4.0, 1.0, 4.0, 1.0});
  CHECK(left_over(running, kBoth, 4 * kDt, rows) == 0);
  CHECK(rows[0] == 4.0);
}

TEST_CASE("strands #3402: the left-over is shifted by the time between the two chunks, once") {
  const Chunk running = chunk_at(0, {0.0, 1.0, 2.0, 3.0, 4.0, 5.0}, {0, 0, 0, 0, 0, 0});
  std::vector<double> rows(12);
  for (int shift = 0; shift < 6; ++shift) {
    (void)left_over(running, kBoth, shift * kDt, rows);
    for (int row = 0; row < 6; ++row) CHECK(rows[2 * static_cast<std::size_t>(row)] == std::min(row + shift, 5));
  }
  // Between two rows: where the arm is to be at that instant.
  (void)left_over(running, kBoth, kDt / 4, rows);
  CHECK(rows[0] == doctest::Approx(0.25));
}

TEST_CASE("a weighted overlap mixes what both say about the same instant, and nothing else") {
  const Chunk running = chunk_at(0, {1.0, 1.0, 1.0, 1.0}, {1.0, 1.0, 1.0, 1.0});
  Chunk next = chunk_at(2 * kDt, {2.0, 2.0, 2.0, 2.0}, {0.0, 0.0, 0.0, 0.0}, 2);
  blend(running, kBoth, 0.7, next);
  const std::vector<double> expected{1.7, 0.3, 1.7, 0.3, 2.0, 0.0, 2.0, 0.0};
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(next.planned[i] == doctest::Approx(expected[i]));
}

TEST_CASE("the ensemble is ACT's: the oldest weighs 1, the i-th after it exp(−m·i)") {
  // Chunks asked for one row apart, so that rows fall on each other; the oracle is the sum as ACT's paper writes it.
  std::mt19937_64 random(4);
  std::normal_distribution<double> normal;
  const double decay = 0.3;
  Ensemble ensemble(decay);
  std::vector<std::vector<double>> said;
  for (int step = 0; step < 12; ++step) {
    std::vector<double> joint(5);
    for (double& value : joint) value = normal(random);
    said.push_back(joint);
    Chunk next = chunk_at(step * kDt, joint, std::vector<double>(5, 0.0), static_cast<std::uint64_t>(step) + 1);
    ensemble.average(kBoth, next);
    for (int row = 0; row < 5; ++row) {
      double sum = 0.0;
      double total = 0.0;
      int age = 0;
      for (int asked = 0; asked <= step; ++asked) {
        const int there = step + row - asked;
        if (there >= 5) continue;
        const double weight = std::exp(-decay * age++);
        sum += weight * said[static_cast<std::size_t>(asked)][static_cast<std::size_t>(there)];
        total += weight;
      }
      CHECK(next.planned[2 * static_cast<std::size_t>(row)] == doctest::Approx(sum / total));
    }
    ensemble.keep(next);
  }
}
