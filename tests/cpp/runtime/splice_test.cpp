#include "runtime/splice.hpp"

#include <doctest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "runtime/flow.hpp"
#include "runtime/latency_window.hpp"
#include "runtime/noise.hpp"

using namespace retain;

namespace {

constexpr std::size_t kRows = 8;
constexpr std::size_t kChannels = 3;
constexpr std::size_t kSteps = 5;

/// v(x, t) = sin(x) + t of its row, so that neither x nor t may be mixed up.
class Wavy final : public Engine {
 public:
  Wavy() {
    info_.description = "wavy";
    info_.horizon = kRows;
    info_.action_dim = kChannels;
  }
  [[nodiscard]] const EngineInfo& info() const noexcept override { return info_; }
  void prefix(const PolicyInput&) override {}
  void step(std::span<const float> x, std::span<const float> t, std::span<float> velocity) override {
    seen_x.emplace_back(x.begin(), x.end());
    seen_t.emplace_back(t.begin(), t.end());
    for (std::size_t i = 0; i < x.size(); ++i) velocity[i] = std::sin(x[i]) + t[i / kChannels];
  }
  std::vector<std::vector<float>> seen_x;
  std::vector<std::vector<float>> seen_t;

 private:
  EngineInfo info_;
};

std::vector<float> random_rows(std::uint64_t seed) {
  std::vector<float> rows(kRows * kChannels);
  standard_normal(seed, 99, rows);
  return rows;
}

}  // namespace

TEST_CASE("guidance in double precision, written out as in the paper, gives the same chunk") {
  for (std::size_t d = 0; d < kRows; ++d) {
    for (std::size_t e = d; e <= kRows; ++e) {
      CAPTURE(d);
      CAPTURE(e);
      const std::vector<float> left_over = random_rows(d * 10 + e);
      Wavy engine;
      FlowSampler flow(kRows, kChannels, kSteps);
      const std::span<const float> got = flow.sample(
          engine, 3, 4,
          {.splice = Splice::guided, .left_over = left_over, .committed = d, .overlap_end = e, .guidance_limit = 5.0F});
      std::vector<float> noise(kRows * kChannels);
      standard_normal(3, 4, noise);
      std::vector<double> x(noise.begin(), noise.end());
      for (std::size_t i = 0; i < kSteps; ++i) {
        const double tau = static_cast<double>(i) / kSteps;
        const double r2 = (1 - tau) * (1 - tau) / (tau * tau + (1 - tau) * (1 - tau));
        const double weight = i == 0 ? 5.0 : std::min(5.0, (1 - tau) / (tau * r2));
        for (std::size_t k = 0; k < x.size(); ++k) {
          const std::size_t row = k / kChannels;
          const double c = (static_cast<double>(e) - static_cast<double>(row)) / static_cast<double>(e - d + 1);
          const double W = row < d ? 1.0 : row < e ? c * std::expm1(c) / std::expm1(1.0) : 0.0;
          const double v = std::sin(x[k]) + tau;
          const double clean = x[k] + (1 - tau) * v;
          x[k] += (v + weight * W * (left_over[k] - clean)) / kSteps;
        }
      }
      for (std::size_t k = 0; k < x.size(); ++k) CHECK(std::abs(got[k] - x[k]) < 1e-6 * std::max(1.0, std::abs(x[k])));
    }
  }
}

TEST_CASE("the prefix is seen clean, at t = 1, at every step, and comes out bit for bit") {
  for (std::size_t d = 0; d < kRows; ++d) {
    CAPTURE(d);
    const std::vector<float> left_over = random_rows(d);
    Wavy engine;
    FlowSampler flow(kRows, kChannels, kSteps);
    const std::span<const float> got = flow.sample(
        engine, 3, 4,
        {.splice = Splice::prefix, .left_over = left_over, .committed = d, .overlap_end = d, .guidance_limit = 0.0F});
    for (std::size_t i = 0; i < kSteps; ++i) {
      for (std::size_t k = 0; k < d * kChannels; ++k) REQUIRE(engine.seen_x[i][k] == left_over[k]);
      for (std::size_t row = 0; row < kRows; ++row) {
        REQUIRE(engine.seen_t[i][row] == (row < d ? 1.0F : static_cast<float>(i) * (1.0F / kSteps)));
      }
    }
    for (std::size_t k = 0; k < d * kChannels; ++k) CHECK(got[k] == left_over[k]);
    Wavy plain;
    FlowSampler other(kRows, kChannels, kSteps);
    const std::span<const float> free = other.sample(plain, 3, 4);
    // This engine's rows don't see each other: what is integrated must be what it would have been without a prefix.
    for (std::size_t k = d * kChannels; k < got.size(); ++k) CHECK(got[k] == free[k]);
  }
}

TEST_CASE("an engine's NaN on rows that are given never reaches them, nor through a weight of zero") {
  std::vector<float> x(kRows * kChannels, 0.5F);
  std::vector<float> weights(kRows, 0.0F);
  std::vector<float> left_over(x.size(), std::numeric_limits<float>::quiet_NaN());
  std::vector<float> velocity(x.size(), 1.0F);
  guide(x, left_over, weights, 0.2F, 5.0F, velocity);
  for (const float v : velocity) CHECK(v == 1.0F);
}

TEST_CASE("guidance strength is β at both ends and never more") {
  CHECK(guidance_strength(0.0F, 5.0F) == 5.0F);
  CHECK(guidance_strength(1.0F, 5.0F) == 5.0F);
  CHECK(guidance_strength(0.5F, 5.0F) == doctest::Approx(2.0F));
  for (int i = 0; i <= 100; ++i) CHECK(guidance_strength(static_cast<float>(i) / 100.0F, 5.0F) <= 5.0F);
}

TEST_CASE("the latency window: one spike has no effect, and none stays") {
  LatencyWindow window;
  CHECK(window.estimate_ns() == 0);
  window.record(50);
  CHECK(window.estimate_ns() == 50);
  for (int i = 0; i < 10; ++i) window.record(50);
  window.record(5000);
  CHECK(window.estimate_ns() == 50);
  window.record(6000);
  CHECK(window.estimate_ns() == 5000);
  for (int i = 0; i < 10; ++i) window.record(50);
  CHECK(window.estimate_ns() == 50);
}
