// Updates that come in factors, against the oracle.
#include <doctest.h>

#include "merge/arithmetic.hpp"
#include "merge/dispatch.hpp"
#include "oracle.hpp"
#include "plans.hpp"

namespace retain::merge {
namespace {

using namespace test;

struct Factored {
  WorkItem item;
  std::vector<Bytes> ends;
};

/// A base [rows, columns], A, B, and one more full end.
Factored factored(DType base, DType factors, std::uint64_t rows, std::uint64_t columns, std::uint64_t rank) {
  std::mt19937_64 random(40);
  std::normal_distribution<double> normal;
  const auto values = [&](std::uint64_t count, double size) {
    std::vector<double> found;
    for (std::uint64_t i = 0; i < count; ++i) found.push_back(size * normal(random));
    return found;
  };
  const std::uint64_t elements = rows * columns;
  Factored result;
  result.ends = {stored(base, values(elements, 0.02)), stored(factors, values(rank * columns, 0.1)),
                 stored(factors, values(rows * rank, 0.01)), stored(base, values(elements, 0.02))};
  const LowRank low_rank{{1, 0}, {2, 0}, factors, rank, columns, 0.5};
  result.item = {.elements = elements,
                 .stored = base,
                 .sources = {{.stored = factors, .low_rank = low_rank}},
                 .targets = {{.stored = DType::kF32, .scale = 0.7}}};
  return result;
}

void require_oracle(const Factored& factored, std::size_t threads = 1) {
  const WorkItem& item = factored.item;
  const Expected oracle = expected(item, factored.ends);
  const long double epsilon = computes_in_double(item) ? 0x1p-52L : 0x1p-23L;
  Bytes first;
  for (const KernelTable* kernels : available_kernels()) {
    const MemoryRun run = run_in_memory(item, factored.ends, threads, kernels->isa);
    if (first.empty()) first = run.targets[0];
    REQUIRE(run.targets[0] == first);
    for (std::uint64_t i = 0; i < item.elements; ++i) {
      const long double exact = oracle.unrounded[0][i];
      const long double allowed =
          0.5001L * last_place(DType::kF32, exact) + epsilon * (std::fabs(oracle.base[i]) + 80.0L * 0.01L * 0.1L);
      REQUIRE(std::fabs(static_cast<long double>(element(DType::kF32, run.targets[0], i)) - exact) <= allowed);
    }
  }
}

}  // namespace

TEST_CASE("factors of any shape and type are multiplied, scaled once and merged") {
  for (const DType base : kFloats) {
    for (const DType factors : kFloats) {
      CAPTURE(at(base));
      CAPTURE(at(factors));
      require_oracle(factored(base, factors, 21, 130, 4));
      require_oracle(factored(base, factors, 400, 3, 2));
      require_oracle(factored(base, factors, 1, 700, 1));
      require_oracle(factored(base, factors, 5, 64, 9));
    }
  }
}

TEST_CASE("factors are multiplied alike in whatever chunks the threads take") {
  require_oracle(factored(DType::kBf16, DType::kF32, 300, 700, 3), 3);
}

TEST_CASE("factors may be one end among others, and be thinned by rank") {
  Factored both = factored(DType::kBf16, DType::kF32, 40, 96, 4);
  both.item.sources.push_back(source(DType::kBf16, 3, 0.5));
  require_oracle(both);
  both.item.thinning = Thinning::kRanked;
  both.item.density = 0.6;
  both.item.spread = 0.3;
  both.item.row_length = 96;
  const MemoryRun run = run_in_memory(both.item, both.ends);
  CHECK(run.result.sources[0].changed == 40 * 96);
  CHECK(run.result.sources[0].update_update > 0.0);
}

TEST_CASE("a factor that is not finite is the finetuned end's fault") {
  Factored bad = factored(DType::kBf16, DType::kF32, 10, 20, 2);
  const float infinity = std::numeric_limits<float>::infinity();
  std::memcpy(bad.ends[2].data() + 4 * (2 * 7 + 1), &infinity, 4);  // row 7
  const ItemResult result = run_in_memory(bad.item, bad.ends).result;
  CHECK(result.not_finite == 20);
  REQUIRE(result.first_not_finite.has_value());
  CHECK(result.first_not_finite->element == 140);
  CHECK(result.first_not_finite->origin == Origin::kFinetuned);
}

}  // namespace retain::merge
