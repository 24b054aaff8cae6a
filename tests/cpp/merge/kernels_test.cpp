// Every instruction set against the scalar kernels bit for bit, and the scalar kernels against long double.
#include <doctest.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "error.hpp"
#include "merge/dispatch.hpp"
#include "values.hpp"

namespace retain::merge {
namespace {

using namespace test;

constexpr double kAlphas[] = {0.5, 0.25, 0.1, 0.75, 1.0 / 3.0, 0.9999, -0.5, 1.5, 2.0};

struct Result {
  Bytes merged;
  Sums sums;
};

Result run(LinearKernel kernel, DType in, DType out, const Ends& ends, double alpha) {
  const std::size_t elements = ends.base.size() / size_of(in);
  Result result{Bytes(elements * size_of(out)), {}};
  result.sums = kernel(ends.base.data(), ends.finetuned.data(), result.merged.data(), elements, alpha);
  return result;
}

void require_same(DType out, const Result& a, const Result& b) {
  REQUIRE(same_values(out, a.merged, b.merged));
  REQUIRE(a.sums.changed == b.sums.changed);
  REQUIRE(a.sums.lost == b.sums.lost);
  REQUIRE(a.sums.not_finite == b.sums.not_finite);
  REQUIRE(same_bits(a.sums.base_base, b.sums.base_base));
  REQUIRE(same_bits(a.sums.base_update, b.sums.base_update));
  REQUIRE(same_bits(a.sums.update_update, b.sums.update_update));
  REQUIRE(same_bits(a.sums.merged_update, b.sums.merged_update));
}

}  // namespace

TEST_CASE("every instruction set gives the scalar kernels' bits, sums included") {
  for (const KernelTable* kernels : available_kernels()) {
    CAPTURE(kernels->isa);
    for (const DType in : kFloats) {
      for (const DType out : kFloats) {
        CAPTURE(at(in));
        CAPTURE(at(out));
        for (const std::size_t elements : {0U, 1U, 7U, 8U, 9U, 15U, 16U, 17U, 511U, 512U, 513U, 3001U}) {
          for (const double alpha : kAlphas) {
            const Ends likely = plausible(in, elements, 3);
            const Ends wild = arbitrary(in, elements, 4);
            for (const Ends* ends : {&likely, &wild}) {
              require_same(out, run(kernels->linear[at(in)][at(out)], in, out, *ends, alpha),
                           run(scalar_kernels().linear[at(in)][at(out)], in, out, *ends, alpha));
              require_same(out, run(kernels->wide[at(in)][at(out)], in, out, *ends, alpha),
                           run(scalar_kernels().wide[at(in)][at(out)], in, out, *ends, alpha));
            }
          }
        }
      }
    }
  }
}

TEST_CASE("every 16-bit pattern, merged with itself, stays as it is in every instruction set") {
  for (const KernelTable* kernels : available_kernels()) {
    for (const DType dtype : {DType::kBf16, DType::kF16}) {
      Ends ends;
      for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
        const auto word = static_cast<std::uint16_t>(bits);
        const auto* bytes = reinterpret_cast<const std::byte*>(&word);
        ends.base.insert(ends.base.end(), bytes, bytes + 2);
      }
      ends.finetuned = ends.base;
      for (const LinearKernel kernel : {kernels->linear[at(dtype)][at(dtype)], kernels->wide[at(dtype)][at(dtype)]}) {
        const Result result = run(kernel, dtype, dtype, ends, 0.3);
        for (std::size_t i = 0; i < 0x10000; ++i) {
          const double before = element(dtype, ends.base, i);
          REQUIRE(same_bits(element(dtype, result.merged, i), before));  // −0 stays −0
        }
      }
    }
  }
}

TEST_CASE("alpha one half is within one last place of long double") {
  for (const KernelTable* kernels : available_kernels()) {
    for (const DType in : kFloats) {
      for (const DType out : kFloats) {
        const Ends ends = plausible(in, 4096, 5);
        const Result result = run(kernels->linear[at(in)][at(out)], in, out, ends, 0.5);
        for (std::size_t i = 0; i < 4096; ++i) {
          const long double p = element(in, ends.base, i);
          const long double f = element(in, ends.finetuned, i);
          const long double exact = p + 0.5L * (f - p);
          // float64 ends have no wider type to compute in: where they cancel, fp64's own error at their size remains.
          const long double own = in == DType::kF64 ? last_place(in, std::max(std::fabs(p), std::fabs(f))) : 0.0L;
          REQUIRE(std::fabs(element(out, result.merged, i) - exact) <= last_place(out, exact) + own);
        }
      }
    }
  }
}

TEST_CASE("float32 results are correctly rounded even where the ends nearly cancel") {
  // fp32 arithmetic would be wrong by thousands of last places here; fp64 rounds once.
  std::mt19937_64 random(6);
  std::normal_distribution<double> normal;
  Ends ends;
  for (int i = 0; i < 4096; ++i) {
    const double p = normal(random);
    append(DType::kF32, ends.base, p);
    append(DType::kF32, ends.finetuned, -p * (1.0 + 1e-6 * normal(random)));
  }
  for (const KernelTable* kernels : available_kernels()) {
    const Result result = run(kernels->linear[at(DType::kF32)][at(DType::kF32)], DType::kF32, DType::kF32, ends, 0.5);
    for (std::size_t i = 0; i < 4096; ++i) {
      const long double p = element(DType::kF32, ends.base, i);
      const long double exact = p + 0.5L * (element(DType::kF32, ends.finetuned, i) - p);
      REQUIRE(std::fabs(element(DType::kF32, result.merged, i) - exact) <= 0.5001L * last_place(DType::kF32, exact));
    }
  }
}

TEST_CASE("the sums are those of the definition") {
  for (const DType dtype : kFloats) {
    const Ends ends = plausible(dtype, 100003, 7);
    const Result result = run(choose_kernels("").linear[at(dtype)][at(dtype)], dtype, dtype, ends, 0.4);
    long double base_base = 0, base_update = 0, update_update = 0, merged_update = 0;
    std::uint64_t changed = 0, lost = 0;
    for (std::size_t i = 0; i < 100003; ++i) {
      const long double p = element(dtype, ends.base, i);
      const long double d = element(dtype, ends.finetuned, i) - p;
      const long double m = element(dtype, result.merged, i);
      base_base += p * p;
      base_update += p * d;
      update_update += d * d;
      merged_update += (m - p) * d;
      changed += d != 0.0L ? 1 : 0;
      lost += d != 0.0L && m == p ? 1 : 0;
    }
    CHECK(result.sums.changed == changed);
    CHECK(result.sums.lost == lost);
    CHECK(result.sums.not_finite == 0);
    CHECK(result.sums.base_base == doctest::Approx(static_cast<double>(base_base)).epsilon(1e-6));
    CHECK(result.sums.update_update == doctest::Approx(static_cast<double>(update_update)).epsilon(1e-6));
    CHECK(result.sums.merged_update == doctest::Approx(static_cast<double>(merged_update)).epsilon(1e-6));
    // A sum of both signs: its error is relative to the terms, not to the sum.
    const long double terms = std::sqrt(base_base * update_update);
    CHECK(std::fabs(result.sums.base_update - base_update) <= 1e-6L * terms);
  }
}

TEST_CASE("elements that are not finite are counted") {
  for (const KernelTable* kernels : available_kernels()) {
    for (const DType dtype : kFloats) {
      Ends ends = plausible(dtype, 1000, 8);
      Bytes special;
      append(dtype, special, std::numeric_limits<double>::infinity());
      append(dtype, special, -std::numeric_limits<double>::infinity());
      append(dtype, special, std::numeric_limits<double>::quiet_NaN());
      std::copy(special.begin(), special.end(), ends.base.begin() + static_cast<std::ptrdiff_t>(500 * size_of(dtype)));
      CHECK(kernels->count_not_finite[at(dtype)](ends.base.data(), 1000) == 3);
      CHECK(kernels->count_not_finite[at(dtype)](ends.finetuned.data(), 1000) == 0);
      CHECK(run(kernels->linear[at(dtype)][at(dtype)], dtype, dtype, ends, 0.5).sums.not_finite == 3);
    }
  }
}

TEST_CASE("kernels that this machine lacks are refused by name") {
  CHECK_THROWS_WITH_AS(choose_kernels("sse9"), doctest::Contains("scalar"), MergeError);
  CHECK(std::string_view(choose_kernels("scalar").isa) == "scalar");
}

}  // namespace retain::merge
