// Random words against the published answers, and what is done with them.
#include <doctest.h>

#include <array>
#include <limits>
#include <random>

#include "merge/dispatch.hpp"
#include "philox.hpp"
#include "values.hpp"

namespace retain::merge {
namespace {

using namespace test;

constexpr double kTop[] = {0x1.FEp127, 65504.0, 0x1.FFFFFEp127};
constexpr double kOverflow[] = {0x1.FFp127, 65520.0, 0x1.FFFFFFp127};

/// One value, rounded with words spread evenly over all words: 512 of them, in steps of 2^23.
template <class Real>
std::array<Real, kBlockElements> dithered(const BlockTable<Real>& blocks, DType dtype, double value) {
  std::array<Real, kBlockElements> values;
  std::array<std::uint32_t, kBlockElements> random;
  for (std::size_t i = 0; i < kBlockElements; ++i) {
    values[i] = static_cast<Real>(value);
    random[i] = static_cast<std::uint32_t>(i << 23) + 12345U;
  }
  blocks.dither[at(dtype)](values.data(), random.data());
  return values;
}

/// Calls check(blocks) with every arithmetic of every instruction set that can round to the type by chance.
template <class Check>
void with_every_dither(DType dtype, const Check& check) {
  for (const KernelTable* kernels : available_kernels()) {
    CAPTURE(kernels->isa);
    if (kernels->single_blocks.dither[at(dtype)] != nullptr) check(kernels->single_blocks);
    check(kernels->double_blocks);
  }
}

/// The largest value of a type that is at most `magnitude` ≥ 0, and the next above.
std::pair<long double, long double> neighbours(DType dtype, double magnitude) {
  const long double unit = last_place(dtype, static_cast<long double>(magnitude));
  const long double below = std::floor(static_cast<long double>(magnitude) / unit) * unit;
  return {below, below + unit};
}

}  // namespace

TEST_CASE("Philox4x32-10 gives the known answers of Random123") {
  for (const KernelTable* kernels : available_kernels()) {
    CAPTURE(kernels->isa);
    std::array<std::uint32_t, 4 * kCounters> found;
    kernels->random_words(0, 0, 0, kCounters, found.data());
    CHECK(found[0] == 0x6627e8d5U);
    CHECK(found[1] == 0xe169c58dU);
    CHECK(found[2] == 0xbc57ac4cU);
    CHECK(found[3] == 0x9b00dbd8U);
  }
  // The answers for other counters and keys, which the kernels' layout of counters cannot express, by the reference.
  CHECK(philox({0xffffffffU, 0xffffffffU, 0xffffffffU, 0xffffffffU}, {0xffffffffU, 0xffffffffU}) ==
        std::array<std::uint32_t, 4>{0x408f276dU, 0x41c83b0eU, 0xa20bc7c6U, 0x6d5451fdU});
  CHECK(philox({0x243f6a88U, 0x85a308d3U, 0x13198a2eU, 0x03707344U}, {0xa4093822U, 0x299f31d0U}) ==
        std::array<std::uint32_t, 4>{0xd16cfe09U, 0x94fdccebU, 0x5001e420U, 0x24126ea1U});
}

TEST_CASE("every instruction set draws the reference's words for any key, stream and counter") {
  for (const KernelTable* kernels : available_kernels()) {
    CAPTURE(kernels->isa);
    for (const std::uint64_t first : {0ULL, 5ULL, 0xFFFFFFFCULL, 0x123456789ABCULL}) {
      for (const std::uint64_t key : {0ULL, 1ULL, 0xFEDCBA9876543210ULL}) {
        std::array<std::uint32_t, 4 * 3 * kCounters> found;
        kernels->random_words(key, 17, first, 3 * kCounters, found.data());
        for (std::size_t i = 0; i < found.size(); ++i) {
          REQUIRE(found[i] == philox_word(key, 17, 4 * first + i));
        }
      }
    }
  }
}

TEST_CASE("stochastic rounding gives one of the two neighbours, the upper one as often as the value is nearer to it") {
  std::mt19937_64 random(1);
  for (const DType dtype : {DType::kBf16, DType::kF16, DType::kF32}) {
    CAPTURE(at(dtype));
    for (int i = 0; i < 500; ++i) {
      const double size =
          std::ldexp(1.0 + static_cast<double>(random() % 100000) / 100000.0, static_cast<int>(random() % 60) - 45);
      const double value = static_cast<double>(static_cast<float>(random() % 2 == 0 ? size : -size));
      if (std::fabs(value) > kTop[at(dtype)]) continue;
      const auto [below, above] = neighbours(dtype, std::fabs(value));
      const auto share = static_cast<double>((static_cast<long double>(std::fabs(value)) - below) / (above - below));
      with_every_dither(dtype, [&](const auto& blocks) {
        std::size_t up = 0;
        for (const auto stored : dithered(blocks, dtype, value)) {
          const auto found = static_cast<long double>(stored);
          REQUIRE(std::signbit(found) == std::signbit(value));
          REQUIRE((std::fabs(found) == below || std::fabs(found) == above));
          up += std::fabs(found) == above ? 1 : 0;
        }
        REQUIRE(std::fabs(static_cast<double>(up) - share * 512.0) <= 1.0);
      });
    }
  }
}

TEST_CASE("stochastic rounding leaves values of the type alone, zeros, infinities and NaN included") {
  for (const DType dtype : {DType::kBf16, DType::kF16, DType::kF32}) {
    const double infinity = std::numeric_limits<double>::infinity();
    for (const double value : {0.0, -0.0, 1.0, -1.5, 0x1p-14, 3 * 0x1p-24, kTop[at(dtype)], infinity, -infinity}) {
      with_every_dither(dtype, [&](const auto& blocks) {
        for (const auto stored : dithered(blocks, dtype, value)) {
          REQUIRE(same_bits(static_cast<double>(stored), value));
        }
      });
    }
    with_every_dither(dtype, [&](const auto& blocks) {
      for (const auto stored : dithered(blocks, dtype, std::numeric_limits<double>::quiet_NaN())) {
        REQUIRE(std::isnan(stored));
      }
    });
  }
}

TEST_CASE("stochastic rounding makes nothing infinite that rounding to nearest would not") {
  for (const DType dtype : {DType::kBf16, DType::kF16, DType::kF32}) {
    const double almost = std::nextafter(kOverflow[at(dtype)], 0.0);
    for (const KernelTable* kernels : available_kernels()) {
      const auto below = dithered(kernels->double_blocks, dtype, -almost);
      const auto beyond = dithered(kernels->double_blocks, dtype, kOverflow[at(dtype)]);
      for (std::size_t i = 0; i < kBlockElements; ++i) {
        REQUIRE(below[i] == -kTop[at(dtype)]);
        REQUIRE(beyond[i] == kOverflow[at(dtype)]);  // left for nearest, which gives infinity
      }
      if (kernels->single_blocks.dither[at(dtype)] == nullptr) continue;
      const double single = static_cast<double>(std::nextafter(static_cast<float>(kOverflow[at(dtype)]), 0.0F));
      for (const float stored : dithered(kernels->single_blocks, dtype, single)) {
        REQUIRE(static_cast<double>(stored) == kTop[at(dtype)]);
      }
    }
  }
}

TEST_CASE("an element is kept where its word is below the chance") {
  std::array<std::uint32_t, kBlockElements> words;
  for (std::size_t i = 0; i < kBlockElements; ++i) words[i] = philox_word(5, 1, i);
  for (const KernelTable* kernels : available_kernels()) {
    std::array<float, kBlockElements> update;
    update.fill(3.0F);
    kernels->single_blocks.keep_random(update.data(), words.data(), words[100]);
    for (std::size_t i = 0; i < kBlockElements; ++i) CHECK(update[i] == (words[i] <= words[100] ? 3.0F : 0.0F));
  }
}

}  // namespace retain::merge
