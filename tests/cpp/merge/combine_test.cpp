// Whole items against the oracle: every mix of types, ends, ways to thin and ways to combine.
#include <doctest.h>

#include <limits>

#include "merge/arithmetic.hpp"
#include "merge/dispatch.hpp"
#include "oracle.hpp"
#include "plans.hpp"

namespace retain::merge {
namespace {

using namespace test;

/// Compares stored values with the oracle's: one rounding of the target's type, and the arithmetic's own error.
void require_near(const WorkItem& item, const std::vector<Bytes>& ends, const MemoryRun& run) {
  const Expected oracle = expected(item, ends);
  const long double epsilon = computes_in_double(item) ? 0x1p-52L : 0x1p-23L;
  const auto operations = static_cast<long double>(4 + 2 * item.sources.size());
  for (std::size_t t = 0; t < item.targets.size(); ++t) {
    CAPTURE(t);
    const DType stored = item.targets[t].stored;
    const long double places = item.rounding == Rounding::kNearest ? 0.5001L : 1.0001L;
    for (std::uint64_t i = 0; i < item.elements; ++i) {
      CAPTURE(i);
      const long double exact = oracle.unrounded[t][i];
      const long double sizes = std::fabs(oracle.base[i]) + std::fabs(oracle.exact[t][i]) +
                                std::fabs(static_cast<long double>(item.targets[t].scale)) * oracle.size[i];
      const long double allowed = places * last_place(stored, exact) + operations * epsilon * sizes;
      REQUIRE(std::fabs(static_cast<long double>(element(stored, run.targets[t], i)) - exact) <= allowed);
    }
  }
}

void require_sums(const WorkItem& item, const std::vector<Bytes>& ends, const MemoryRun& run) {
  const Expected oracle = expected(item, ends);
  const auto near = [](double found, long double exact, long double terms) {
    REQUIRE(std::fabs(static_cast<long double>(found) - exact) <= 2e-6L * terms);
  };
  long double base_base = 0.0L;
  for (const long double p : oracle.base) base_base += p * p;
  near(run.result.base_base, base_base, base_base);
  std::size_t pair = 0;
  std::uint64_t unchanged = 0;
  for (std::uint64_t i = 0; i < item.elements; ++i) {
    bool same = true;
    for (const std::vector<long double>& d : oracle.updates) same = same && d[i] == 0.0L;
    unchanged += same ? 1 : 0;
  }
  REQUIRE(run.result.unchanged == unchanged);
  const auto dot = [](const std::vector<long double>& a, const std::vector<long double>& b) {
    long double sum = 0.0L;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
  };
  for (std::size_t s = 0; s < item.sources.size(); ++s) {
    const std::vector<long double>& d = oracle.updates[s];
    const long double size = std::sqrt(base_base * dot(d, d));
    near(run.result.sources[s].update_update, dot(d, d), dot(d, d));
    near(run.result.sources[s].base_update, dot(oracle.base, d), size);
    std::uint64_t changed = 0;
    for (const long double value : d) changed += value != 0.0L ? 1 : 0;
    REQUIRE(run.result.sources[s].changed == changed);
    for (std::size_t other = s + 1; other < item.sources.size(); ++other) {
      const std::vector<long double>& e = oracle.updates[other];
      near(run.result.gram[pair++], dot(d, e), std::sqrt(dot(d, d) * dot(e, e)));
    }
  }
  for (std::size_t t = 0; t < item.targets.size(); ++t) {
    const DType stored = item.targets[t].stored;
    long double stored_exact = 0.0L, moved = 0.0L;
    std::uint64_t lost = 0, unclear = 0;  // unclear: what cancels but for the last digits of a division
    for (std::uint64_t i = 0; i < item.elements; ++i) {
      const long double step = static_cast<long double>(element(stored, run.targets[t], i)) - oracle.base[i];
      stored_exact += step * oracle.exact[t][i];
      moved += step * step;
      const bool vanishes = std::fabs(oracle.exact[t][i]) <= 1e-6L * oracle.size[i];
      lost += !vanishes && step == 0.0L ? 1 : 0;
      unclear += vanishes && oracle.size[i] > 0.0L && item.thinning == Thinning::kRanked ? 1 : 0;
    }
    const long double exact_exact = dot(oracle.exact[t], oracle.exact[t]);
    near(run.result.targets[t].exact_exact, exact_exact, exact_exact);
    near(run.result.targets[t].stored_exact, stored_exact, std::sqrt(exact_exact * moved));
    REQUIRE(run.result.targets[t].lost >= lost);
    REQUIRE(run.result.targets[t].lost <= lost + unclear);
  }
}

void require_oracle(const WorkItem& item, const std::vector<Bytes>& ends) {
  for (const KernelTable* kernels : available_kernels()) {
    CAPTURE(kernels->isa);
    const MemoryRun run = run_in_memory(item, ends, 1, kernels->isa);
    require_near(item, ends, run);
    require_sums(item, ends, run);
    REQUIRE(run.result.not_finite == 0);
  }
}

/// A base and three ends whose updates often meet with equal sizes and opposite signs.
std::vector<Bytes> four_ends(DType base, DType others, std::size_t elements) {
  std::mt19937_64 random(20);
  std::normal_distribution<double> normal;
  std::vector<std::vector<double>> values(4);
  for (std::size_t i = 0; i < elements; ++i) {
    Bytes one;
    append(base, one, std::ldexp(std::round(std::ldexp(0.02 * normal(random), 16)), -16));
    values[0].push_back(element(base, one, 0));
    for (std::size_t s = 1; s < 4; ++s) {
      const auto steps = static_cast<double>(random() % 9) - 4.0;
      values[s].push_back(values[0].back() + steps * 0x1p-11);
    }
  }
  std::vector<Bytes> ends{stored(base, values[0])};
  for (std::size_t s = 1; s < 4; ++s) ends.push_back(stored(others, values[s]));
  return ends;
}

constexpr std::size_t kElements = 2 * kBlockElements + 77;

}  // namespace

TEST_CASE("one end, any types: the update is scaled, added and rounded once") {
  for (const DType in : kFloats) {
    for (const DType finetuned : kFloats) {
      for (const DType out : kFloats) {
        CAPTURE(at(in));
        CAPTURE(at(finetuned));
        CAPTURE(at(out));
        const std::vector<Bytes> ends = four_ends(in, finetuned, kElements);
        require_oracle({.elements = kElements,
                        .stored = in,
                        .sources = {source(finetuned, 1, 0.75)},
                        .targets = {{.stored = out, .scale = 0.4}, {.stored = out, .scale = -1.5, .base_scale = 0.25}}},
                       ends);
      }
    }
  }
}

TEST_CASE("several ends of several types are added with their coefficients") {
  for (const DType in : kFloats) {
    for (const DType others : kFloats) {
      const std::vector<Bytes> ends = four_ends(in, others, kElements);
      require_oracle({.elements = kElements,
                      .stored = in,
                      .sources = {source(others, 1, 1.0), source(others, 2, -0.5), source(others, 3, 0.25)},
                      .targets = {{.stored = in, .scale = 0.3}, {.stored = DType::kF32, .scale = 1.0}}},
                     ends);
    }
  }
}

TEST_CASE("ties: small updates are dropped, signs are elected, and those that agree are averaged") {
  for (const DType in : kFloats) {
    const std::vector<Bytes> ends = four_ends(in, in, kElements);
    require_oracle({.elements = kElements,
                    .stored = in,
                    .sources = {source(in, 1, 1.0, 0x1p-11F), source(in, 2, 0.5, 0x1p-10F), source(in, 3, 2.0)},
                    .targets = {{.stored = in, .scale = 0.8}, {.stored = DType::kF32, .scale = 1.0}},
                    .thinning = Thinning::kMagnitude,
                    .elect_sign = true},
                   ends);
  }
}

TEST_CASE("dare: each end drops at random by its own stream, and what is kept is divided by the density") {
  for (const DType in : {DType::kBf16, DType::kF32}) {
    for (const double density : {0.25, 0.9, 1.0, 1e-12}) {
      for (const bool elect : {false, true}) {
        const std::vector<Bytes> ends = four_ends(in, in, kElements);
        require_oracle({.elements = kElements,
                        .stored = in,
                        .sources = {source(in, 1), source(in, 2), source(in, 3)},
                        .targets = {{.stored = DType::kF32, .scale = 0.5}},
                        .thinning = Thinning::kRandom,
                        .density = density,
                        .elect_sign = elect,
                        .key = 77},
                       ends);
      }
    }
  }
}

TEST_CASE("della: the larger an update is in its row, the likelier it stays") {
  for (const DType in : {DType::kBf16, DType::kF32, DType::kF64}) {
    for (const std::uint64_t row : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{100}, std::uint64_t{3000}}) {
      CAPTURE(row);
      const std::vector<Bytes> ends = four_ends(in, in, 3000);
      require_oracle({.elements = 3000,
                      .stored = in,
                      .sources = {source(in, 1), source(in, 2)},
                      .targets = {{.stored = DType::kF32, .scale = 0.5}},
                      .thinning = Thinning::kRanked,
                      .density = 0.5,
                      .spread = 0.5,
                      .row_length = row,
                      .key = 78},
                     ends);
    }
  }
}

TEST_CASE("equal coefficients cancel exactly what cancels, so that the base keeps its bits") {
  const std::vector<Bytes> ends{stored(DType::kBf16, {1.0, -0.0, 3.0}), stored(DType::kBf16, {1.25, 0.5, 3.0}),
                                stored(DType::kBf16, {0.75, -0.5, 3.0})};
  const double third = 1.0 / 3.0;
  const MemoryRun run = run_in_memory({.elements = 3,
                                       .stored = DType::kBf16,
                                       .sources = {source(DType::kBf16, 1, third), source(DType::kBf16, 2, third)},
                                       .targets = {{.stored = DType::kBf16, .scale = 0.7}}},
                                      ends);
  CHECK(run.targets[0] == ends[0]);
  CHECK(run.result.targets[0].exact_exact == 0.0);
  CHECK(run.result.unchanged == 1);
}

TEST_CASE("the fused kernel and the blocks write the same bytes") {
  for (const DType in : kFloats) {
    for (const DType out : kFloats) {
      for (const Ends& ends : {plausible(in, 200'000, 30), arbitrary(in, 200'000, 31), far_apart(in, 200'000, 36)}) {
        CAPTURE(at(in));
        CAPTURE(at(out));
        WorkItem item{.elements = 200'000,
                      .stored = in,
                      .sources = {source(in, 1, 0.5)},
                      .targets = {{.stored = out, .scale = 0.6}, {.stored = in, .scale = 1.9}, {.stored = in}}};
        REQUIRE(is_plainly_linear(item));
        const MemoryRun fused = run_in_memory(item, {ends.base, ends.finetuned});
        item.targets.push_back({.stored = in, .base_scale = -0.5});
        REQUIRE_FALSE(is_plainly_linear(item));
        const MemoryRun blocks = run_in_memory(item, {ends.base, ends.finetuned});
        for (std::size_t t = 0; t < 3; ++t) {
          REQUIRE(same_values(item.targets[t].stored, fused.targets[t], blocks.targets[t]));
          REQUIRE(fused.result.targets[t].lost == blocks.result.targets[t].lost);
        }
        REQUIRE(fused.result.unchanged == blocks.result.unchanged);
        REQUIRE(fused.result.not_finite == blocks.result.not_finite);
        REQUIRE(same_bits(fused.result.base_base, blocks.result.base_base));
        REQUIRE(same_bits(fused.result.sources[0].update_update, blocks.result.sources[0].update_update));
      }
    }
  }
}

TEST_CASE("a target that takes one end's bits has them, and the sums of the whole update") {
  const Ends ends = arbitrary(DType::kBf16, kElements, 32);
  const Ends finite = plausible(DType::kBf16, kElements, 33);
  for (const Ends* pair : {&ends, &finite}) {
    const MemoryRun run = run_in_memory({.elements = kElements,
                                         .stored = DType::kBf16,
                                         .sources = {source(DType::kBf16, 1)},
                                         .targets = {{.stored = DType::kBf16, .take = Take::kBase},
                                                     {.stored = DType::kBf16, .take = Take::kFinetuned}}},
                                        {pair->base, pair->finetuned});
    CHECK(run.targets[0] == pair->base);
    CHECK(run.targets[1] == pair->finetuned);
    CHECK(run.result.targets[0].exact_exact == 0.0);
    CHECK(same_bits(run.result.targets[1].stored_exact, run.result.sources[0].update_update));
    CHECK(run.result.targets[1].lost == 0);
  }
}

TEST_CASE("without targets an item is measured") {
  const Ends ends = plausible(DType::kBf16, kElements, 34);
  WorkItem item{.elements = kElements, .stored = DType::kBf16, .sources = {source(DType::kBf16, 1)}};
  require_sums(item, {ends.base, ends.finetuned}, run_in_memory(item, {ends.base, ends.finetuned}));
  item.sources.push_back(source(DType::kBf16, 0));
  require_sums(item, {ends.base, ends.finetuned}, run_in_memory(item, {ends.base, ends.finetuned}));
}

TEST_CASE("stochastic rounding restores what rounding to nearest takes from small updates") {
  std::vector<double> p, f;
  std::mt19937_64 random(35);
  for (int i = 0; i < 100'000; ++i) {
    p.push_back(1.0 + static_cast<double>(random() % 100) / 128.0);
    f.push_back(p.back() + 0x1p-7);  // one place of bfloat16
  }
  const std::vector<Bytes> ends{stored(DType::kBf16, p), stored(DType::kBf16, f)};
  WorkItem item{.elements = p.size(),
                .stored = DType::kBf16,
                .sources = {source(DType::kBf16, 1)},
                .targets = {{.stored = DType::kBf16, .scale = 0.25}},
                .key = 3};
  const TargetSums nearest = run_in_memory(item, ends).result.targets[0];
  CHECK(nearest.stored_exact == 0.0);
  CHECK(nearest.lost == p.size());
  item.rounding = Rounding::kStochastic;
  require_near(item, ends, run_in_memory(item, ends));
  const TargetSums chance = run_in_memory(item, ends).result.targets[0];
  CHECK(chance.stored_exact / chance.exact_exact == doctest::Approx(1.0).epsilon(0.02));
  CHECK(static_cast<double>(chance.lost) == doctest::Approx(0.75e5).epsilon(0.02));
}

TEST_CASE("a conversion by chance rounds up or down, and is the same every time") {
  const std::vector<Bytes> ends = four_ends(DType::kF32, DType::kF32, kElements);
  const WorkItem item{.elements = kElements,
                      .stored = DType::kF32,
                      .targets = {{.stored = DType::kBf16}, {.stored = DType::kF32}},
                      .rounding = Rounding::kStochastic,
                      .key = 4};
  const MemoryRun run = run_in_memory(item, ends);
  require_near(item, ends, run);
  CHECK(run.targets[1] == ends[0]);
  CHECK(run_in_memory(item, ends, 3, "scalar").targets == run.targets);
  const MemoryRun nearest =
      run_in_memory({.elements = kElements, .stored = DType::kF32, .targets = {item.targets[0]}}, ends);
  CHECK(run.targets[0] != nearest.targets[0]);
}

}  // namespace retain::merge
