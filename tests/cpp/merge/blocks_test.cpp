// The block primitives of every instruction set against the scalar ones, bit for bit, and the scalar ones against their
// definitions.
#include <doctest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <random>
#include <string_view>

#include "merge/dispatch.hpp"
#include "values.hpp"

namespace retain::merge {
namespace {

using namespace test;

template <class Real>
using Block = std::array<Real, kBlockElements>;
using WordBlock = std::array<std::uint32_t, kBlockElements>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Blocks that are easy, hard (every size, ties, zeros of both signs) and wild (any bits at all).
template <class Real>
std::vector<Block<Real>> blocks(unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::vector<Block<Real>> found(3);
  for (std::size_t i = 0; i < kBlockElements; ++i) {
    found[0][i] = static_cast<Real>(0.02 * normal(random));
    const double size = std::ldexp(static_cast<double>(random() % 512) / 256.0, static_cast<int>(random() % 60) - 40);
    found[1][i] = static_cast<Real>(random() % 2 == 0 ? size : -size);
    if constexpr (sizeof(Real) == 4) {
      found[2][i] = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    } else {
      found[2][i] = std::bit_cast<double>(static_cast<std::uint64_t>(random()));
    }
  }
  return found;
}

WordBlock words(unsigned seed) {
  std::mt19937 random(seed);
  WordBlock found;
  for (std::uint32_t& word : found) word = static_cast<std::uint32_t>(random());
  return found;
}

template <class Real>
bool same(const Block<Real>& a, const Block<Real>& b) {
  for (std::size_t i = 0; i < kBlockElements; ++i) {
    if (!same_bits(static_cast<double>(a[i]), static_cast<double>(b[i]))) return false;
  }
  return true;
}

bool same(const LaneTotals& a, const LaneTotals& b) {
  return std::equal(std::begin(a.lane), std::end(a.lane), std::begin(b.lane), same_bits);
}

template <class Real>
const BlockTable<Real>& table_of(const KernelTable& kernels) {
  if constexpr (sizeof(Real) == 4) {
    return kernels.single_blocks;
  } else {
    return kernels.double_blocks;
  }
}

/// Calls check(found, expected) with the tables of every instruction set and the scalar ones.
template <class Real, class Check>
void with_every_isa(const Check& check) {
  for (const KernelTable* kernels : available_kernels()) {
    CAPTURE(kernels->isa);
    check(table_of<Real>(*kernels), table_of<Real>(scalar_kernels()));
  }
}

template <class Real>
void check_stored_types() {
  with_every_isa<Real>([](const BlockTable<Real>& found, const BlockTable<Real>& expected) {
    for (const DType dtype : kFloats) {
      CAPTURE(at(dtype));
      REQUIRE((found.widen[at(dtype)] == nullptr) == (expected.widen[at(dtype)] == nullptr));
      if (found.widen[at(dtype)] == nullptr) continue;
      for (const Ends& ends : {plausible(dtype, kBlockElements, 1), arbitrary(dtype, kBlockElements, 2)}) {
        Block<Real> a, b;
        found.widen[at(dtype)](ends.base.data(), a.data());
        expected.widen[at(dtype)](ends.base.data(), b.data());
        REQUIRE(same(a, b));
        REQUIRE(same_bits(static_cast<double>(a[7]), element(dtype, ends.base, 7)));
      }
      for (const Block<Real>& values : blocks<Real>(3)) {
        Block<Real> a = values, b = values;
        Bytes stored_a(kBlockElements * size_of(dtype)), stored_b(kBlockElements * size_of(dtype));
        found.round[at(dtype)](a.data(), stored_a.data());
        expected.round[at(dtype)](b.data(), stored_b.data());
        REQUIRE(same(a, b));
        REQUIRE(same_values(dtype, stored_a, stored_b));
      }
    }
  });
}

template <class Real>
void check_tallies() {
  with_every_isa<Real>([](const BlockTable<Real>& found, const BlockTable<Real>& expected) {
    const std::vector<Block<Real>> p = blocks<Real>(4), d = blocks<Real>(5), m = blocks<Real>(6);
    for (std::size_t kind = 0; kind < p.size(); ++kind) {
      BaseTally base_a{}, base_b{};
      UpdateTally update_a{}, update_b{};
      TargetTally target_a{}, target_b{};
      LaneTotals product_a{}, product_b{};
      for (int twice = 0; twice < 2; ++twice) {
        found.tally_base(p[kind].data(), &base_a);
        expected.tally_base(p[kind].data(), &base_b);
        found.tally_update(p[kind].data(), d[kind].data(), &update_a);
        expected.tally_update(p[kind].data(), d[kind].data(), &update_b);
        found.tally_target(p[kind].data(), d[kind].data(), m[kind].data(), &target_a);
        expected.tally_target(p[kind].data(), d[kind].data(), m[kind].data(), &target_b);
        found.tally_product(d[kind].data(), m[kind].data(), &product_a);
        expected.tally_product(d[kind].data(), m[kind].data(), &product_b);
      }
      REQUIRE(same(base_a.base_base, base_b.base_base));
      REQUIRE(base_a.not_finite == base_b.not_finite);
      REQUIRE(same(update_a.base_update, update_b.base_update));
      REQUIRE(same(update_a.update_update, update_b.update_update));
      REQUIRE(update_a.changed == update_b.changed);
      REQUIRE(update_a.not_finite == update_b.not_finite);
      REQUIRE(same(target_a.exact_exact, target_b.exact_exact));
      REQUIRE(same(target_a.stored_exact, target_b.stored_exact));
      REQUIRE(target_a.lost == target_b.lost);
      REQUIRE(target_a.not_finite == target_b.not_finite);
      REQUIRE(same(product_a, product_b));
    }
  });
}

template <class Real>
void check_elementwise() {
  with_every_isa<Real>([](const BlockTable<Real>& found, const BlockTable<Real>& expected) {
    const WordBlock random = words(7);
    WordBlock ranks;
    for (std::size_t i = 0; i < kBlockElements; ++i) ranks[i] = random[i] % 700;
    for (const Block<Real>& p : blocks<Real>(8)) {
      for (const Block<Real>& d : blocks<Real>(9)) {
        const auto compare = [&](const auto& call) {
          Block<Real> a = d, b = d, full_a = p, full_b = p;
          call(found, a, full_a);
          call(expected, b, full_b);
          REQUIRE(same(a, b));
          REQUIRE(same(full_a, full_b));
        };
        using Table = BlockTable<Real>;
        using B = Block<Real>;
        compare([&](const Table& t, B& x, B&) { t.difference(p.data(), x.data()); });
        compare([&](const Table& t, B& x, B&) { t.keep_large(x.data(), 0.015F); });
        compare([&](const Table& t, B& x, B&) { t.keep_random(x.data(), random.data(), 0x80000000U); });
        compare(
            [&](const Table& t, B& x, B&) { t.keep_ranked(x.data(), random.data(), ranks.data(), 0.1, 0.8, 699.0); });
        compare([&](const Table& t, B& x, B& y) { t.set_scaled(y.data(), x.data(), Real(0.7)); });
        compare([&](const Table& t, B& x, B& y) { t.add_scaled(y.data(), x.data(), Real(-0.7)); });
        compare([&](const Table& t, B& x, B& y) {
          B weight{};
          t.add_agreeing(p.data(), x.data(), Real(0.7), y.data(), weight.data());
          t.divide(y.data(), weight.data());
        });
        compare([&](const Table& t, B& x, B& y) { t.step(p.data(), x.data(), Real(0.3), y.data()); });
        compare([&](const Table& t, B& x, B& y) {
          B merged;
          t.step_and_scale(p.data(), x.data(), Real(0.3), Real(-0.1), y.data(), merged.data());
          x = merged;
        });
        for (const DType dtype : kFloats) {
          REQUIRE((found.dither[at(dtype)] == nullptr) == (expected.dither[at(dtype)] == nullptr));
          if (found.dither[at(dtype)] == nullptr) continue;
          compare([&](const Table& t, B& x, B&) { t.dither[at(dtype)](x.data(), random.data()); });
        }
        WordBlock bits_a, bits_b;
        found.magnitudes(d.data(), bits_a.data());
        expected.magnitudes(d.data(), bits_b.data());
        for (std::size_t i = 0; i < kBlockElements; ++i) {
          REQUIRE(same_bits(static_cast<double>(std::bit_cast<float>(bits_a[i])),
                            static_cast<double>(std::bit_cast<float>(bits_b[i]))));
        }
        WordBlock any_a{}, any_b{};
        found.mark_changed(d.data(), any_a.data());
        expected.mark_changed(d.data(), any_b.data());
        REQUIRE(any_a == any_b);
        REQUIRE(found.count_unmarked(any_a.data()) == static_cast<std::uint64_t>(std::ranges::count(any_b, 0U)));
      }
    }
  });
}

}  // namespace

TEST_CASE("every instruction set reads and stores blocks as the scalar one does") {
  check_stored_types<float>();
  check_stored_types<double>();
}

TEST_CASE("every instruction set adds up the scalar one's bits") {
  check_tallies<float>();
  check_tallies<double>();
}

TEST_CASE("every instruction set computes the scalar one's elements") {
  check_elementwise<float>();
  check_elementwise<double>();
}

TEST_CASE("every instruction set multiplies panels in the order of the rank") {
  std::mt19937_64 random(10);
  std::normal_distribution<float> normal;
  for (const std::size_t rank : {1U, 2U, 7U, 64U}) {
    std::vector<float> panel(rank * kPanelColumns), b(rank);
    for (float& value : panel) value = normal(random);
    for (float& value : b) value = normal(random);
    std::vector<double> wide_panel(panel.begin(), panel.end()), wide_b(b.begin(), b.end());
    std::array<float, kPanelColumns> expected;
    std::array<double, kPanelColumns> wide_expected;
    for (std::size_t i = 0; i < kPanelColumns; ++i) {
      float sum = 0.0F;
      double wide_sum = 0.0;
      for (std::size_t k = 0; k < rank; ++k) {
        sum = std::fma(b[k], panel[k * kPanelColumns + i], sum);
        wide_sum = std::fma(wide_b[k], wide_panel[k * kPanelColumns + i], wide_sum);
      }
      expected[i] = 0.5F * sum;
      wide_expected[i] = 0.5 * wide_sum;
    }
    for (const KernelTable* kernels : available_kernels()) {
      std::array<float, kPanelColumns> found;
      std::array<double, kPanelColumns> wide_found;
      kernels->single_blocks.multiply_panel(panel.data(), b.data(), rank, 0.5F, found.data());
      CHECK(found == expected);
      kernels->double_blocks.multiply_panel(panel.data(), wide_b.data(), rank, 0.5, wide_found.data());
      CHECK(wide_found == wide_expected);
      kernels->double_blocks.multiply_wide_panel(wide_panel.data(), wide_b.data(), rank, 0.5, wide_found.data());
      CHECK(wide_found == wide_expected);
    }
  }
}

TEST_CASE("every instruction set picks the same words out of a bin") {
  WordBlock random = words(11);
  for (std::size_t i = 0; i < kBlockElements; i += 3) random[i] = 0x12340000U + static_cast<std::uint32_t>(i);
  std::vector<std::uint32_t> expected;
  std::ranges::copy_if(random, std::back_inserter(expected), [](std::uint32_t w) { return w >> 16 == 0x1234U; });
  for (const KernelTable* kernels : available_kernels()) {
    WordBlock found;
    REQUIRE(kernels->keep_bin(random.data(), 0x1234U, found.data()) == expected.size());
    CHECK(std::equal(expected.begin(), expected.end(), found.begin()));
    CHECK(kernels->keep_bin(random.data(), 0xFFFFFU, found.data()) == 0);
    std::ranges::fill(found, 0x12340001U);
    CHECK(kernels->keep_bin(WordBlock(found).data(), 0x1234U, found.data()) == kBlockElements);
  }
}

TEST_CASE("an update that is not a number counts as changed, a zero of either sign does not") {
  Block<float> p{}, d{};
  d[1] = -0.0F;
  d[2] = std::numeric_limits<float>::quiet_NaN();
  d[3] = static_cast<float>(kInfinity);
  d[4] = std::numeric_limits<float>::denorm_min();
  for (const KernelTable* kernels : available_kernels()) {
    UpdateTally tally{};
    kernels->single_blocks.tally_update(p.data(), d.data(), &tally);
    CHECK(tally.changed == 3);
    CHECK(tally.not_finite == 2);
    WordBlock any{};
    kernels->single_blocks.mark_changed(d.data(), any.data());
    CHECK(kernels->single_blocks.count_unmarked(any.data()) == kBlockElements - 3);
  }
}

}  // namespace retain::merge
