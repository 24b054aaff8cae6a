// Thresholds against std::nth_element.
#include "merge/select.hpp"

#include <doctest.h>

#include <algorithm>
#include <functional>
#include <limits>

#include "error.hpp"
#include "merge/dispatch.hpp"
#include "plans.hpp"

namespace retain::merge {
namespace {

using namespace test;

/// The keep-th largest float(|f − p|).
float by_sorting(DType dtype, const Ends& ends, std::size_t keep) {
  std::vector<float> magnitudes;
  for (std::size_t i = 0; i < ends.base.size() / size_of(dtype); ++i) {
    magnitudes.push_back(
        static_cast<float>(std::fabs(element(dtype, ends.finetuned, i) - element(dtype, ends.base, i))));
  }
  const auto kth = magnitudes.begin() + static_cast<std::ptrdiff_t>(keep - 1);
  std::nth_element(magnitudes.begin(), kth, magnitudes.end(), std::greater{});
  return *kth;
}

WorkItem item(DType dtype, std::size_t elements, std::size_t base, std::size_t finetuned) {
  return {.elements = elements, .stored = dtype, .base = {base, 0}, .sources = {source(dtype, finetuned)}};
}

void require_sorted(DType dtype, const Ends& ends) {
  const std::size_t elements = ends.base.size() / size_of(dtype);
  for (const std::size_t keep : {std::size_t{1}, elements / 5 + 1, elements / 2 + 1, elements}) {
    for (const KernelTable* kernels : available_kernels()) {
      const auto found = select_thresholds(memory_inputs({ends.base, ends.finetuned}), {item(dtype, elements, 0, 1)},
                                           std::vector<std::uint64_t>{keep}, {1, kernels->isa}, nullptr);
      REQUIRE(found.has_value());
      REQUIRE(std::bit_cast<std::uint32_t>((*found)[0][0]) ==
              std::bit_cast<std::uint32_t>(by_sorting(dtype, ends, keep)));
    }
  }
}

}  // namespace

TEST_CASE("thresholds are those of sorting, for every type and size") {
  for (const DType dtype : kFloats) {
    CAPTURE(at(dtype));
    for (const std::size_t elements : {1U, 2U, 511U, 512U, 513U, 300'000U}) {
      CAPTURE(elements);
      require_sorted(dtype, plausible(dtype, elements, 50));
    }
  }
}

TEST_CASE("thresholds are exact where many updates are equal, zero, subnormal or of every size") {
  std::mt19937_64 random(51);
  const std::size_t elements = 5000;
  const std::vector<double> zero(elements, 0.0), one(elements, 1.0);
  std::vector<double> few, tiny, every;
  for (std::size_t i = 0; i < elements; ++i) {
    few.push_back(static_cast<double>(random() % 3) * 0.5);
    tiny.push_back(static_cast<double>(random() % 1000) * 0x1p-149);
    every.push_back(std::ldexp(static_cast<double>(random() % 256), static_cast<int>(random() % 200) - 120));
  }
  for (const DType dtype : {DType::kBf16, DType::kF32, DType::kF64}) {
    for (const std::vector<double>& updates : {zero, one, few, tiny, every}) {
      require_sorted(dtype, {stored(dtype, zero), stored(dtype, updates)});
    }
  }
}

TEST_CASE("a threshold keeps as many as asked, and more only where they tie") {
  const std::vector<double> updates{5, 4, 4, 3, 0, 0};
  const std::vector<Bytes> ends{stored(DType::kF32, std::vector<double>(6, 0.0)), stored(DType::kF32, updates)};
  const auto threshold = [&](std::uint64_t keep) {
    return (*select_thresholds(memory_inputs(ends), {item(DType::kF32, 6, 0, 1)}, std::vector<std::uint64_t>{keep}, {},
                               nullptr))[0][0];
  };
  CHECK(threshold(1) == 5.0F);
  CHECK(threshold(2) == 4.0F);  // keeps three
  CHECK(threshold(3) == 4.0F);
  CHECK(threshold(4) == 3.0F);
  CHECK(threshold(5) == 0.0F);  // keeps all
}

TEST_CASE("a value that is not a number counts as the largest") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<Bytes> ends{stored(DType::kF32, {0, 0, 0}), stored(DType::kF32, {1, nan, 2})};
  const auto found =
      select_thresholds(memory_inputs(ends), {item(DType::kF32, 3, 0, 1)}, std::vector<std::uint64_t>{2}, {}, nullptr);
  CHECK((*found)[0][0] == 2.0F);
}

TEST_CASE("thresholds of many items and ends are the same for every number of threads") {
  const Ends a = plausible(DType::kBf16, 40'000, 52), b = plausible(DType::kBf16, 700, 53);
  const std::vector<Bytes> ends{a.base, a.finetuned, b.base, b.finetuned};
  std::vector<WorkItem> items{item(DType::kBf16, 700, 2, 3),
                              item(DType::kBf16, 40'000, 0, 1),
                              {.elements = 700, .stored = DType::kBf16, .base = {2, 0}}};
  items[1].sources.push_back(source(DType::kBf16, 0));
  const std::vector<std::uint64_t> keep{70, 4000, 0};
  std::uint64_t seen = 0;
  const auto one = select_thresholds(memory_inputs(ends), items, keep, {1, ""}, [&](std::uint64_t bytes) {
    seen = bytes;
    return true;
  });
  CHECK(seen == 80'000 + 1400);
  for (const std::size_t threads : {2U, 7U}) {
    CHECK(select_thresholds(memory_inputs(ends), items, keep, {threads, ""}, nullptr) == one);
  }
  CHECK((*one)[0][0] == by_sorting(DType::kBf16, b, 70));
  CHECK((*one)[1][0] == by_sorting(DType::kBf16, a, 4000));
  CHECK((*one)[1][1] == 0.0F);
  CHECK((*one)[2].empty());
}

TEST_CASE("thresholds of factors are those of their product") {
  const std::vector<Bytes> ends{stored(DType::kBf16, std::vector<double>(6, 1.0)), stored(DType::kF32, {1, 2, 4}),
                                stored(DType::kF32, {1, -8})};
  const WorkItem product{
      .elements = 6,
      .stored = DType::kBf16,
      .sources = {{.stored = DType::kF32, .low_rank = LowRank{{1, 0}, {2, 0}, DType::kF32, 1, 3, 0.5}}}};
  const auto threshold = [&](std::uint64_t keep) {
    return (*select_thresholds(memory_inputs(ends), {product}, std::vector<std::uint64_t>{keep}, {}, nullptr))[0][0];
  };
  CHECK(threshold(1) == 16.0F);  // of 0.5, 1, 2, 4, 8, 16
  CHECK(threshold(4) == 2.0F);
  CHECK(threshold(6) == 0.5F);
}

TEST_CASE("impossible counts are refused, and progress can stop") {
  const std::vector<Bytes> ends{stored(DType::kF32, {0, 0}), stored(DType::kF32, {1, 2})};
  const auto select = [&](std::vector<std::uint64_t> keep) {
    return select_thresholds(memory_inputs(ends), {item(DType::kF32, 2, 0, 1)}, keep, {}, nullptr);
  };
  CHECK_THROWS_WITH_AS(select({0}), doctest::Contains("keeps 0 of 2"), MergeError);
  CHECK_THROWS_WITH_AS(select({3}), doctest::Contains("keeps 3 of 2"), MergeError);
  CHECK_THROWS_AS(select({}), MergeError);
  CHECK_THROWS_AS(
      select_thresholds(memory_inputs(ends), {item(DType::kF32, 3, 0, 1)}, std::vector<std::uint64_t>{1}, {}, nullptr),
      MergeError);
  CHECK_FALSE(select_thresholds(memory_inputs(ends), {item(DType::kF32, 2, 0, 1)}, std::vector<std::uint64_t>{1}, {},
                                [](std::uint64_t) { return false; }));
}

}  // namespace retain::merge
