// Block primitives that draw random words, and the words themselves. As in kernel_body.hpp, every operation and its
// order is fixed, and everything lives in an anonymous namespace.
#pragma once

#include "merge/kernel.hpp"

namespace retain::merge {
namespace {

/// Philox4x32-10, kWidth counters side by side, each word in 64 bits: a product needs only the lower half of its
/// factors, so what shifts leave in the upper half does no harm. J. K. Salmon et al., "Parallel random numbers: as easy
/// as 1, 2, 3", SC 2011.
template <class Words>
void random_words(std::uint64_t key, std::uint32_t stream, std::uint64_t first, std::size_t counters,
                  std::uint32_t* words) {
  for (std::size_t done = 0; done < counters; done += Words::kWidth) {
    auto a = Words::count_from(first + done);
    auto b = Words::upper(a);
    auto c = Words::broadcast(stream);
    auto d = Words::broadcast(0);
    auto key0 = static_cast<std::uint32_t>(key);
    auto key1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
      const auto product0 = Words::multiply(a, 0xD2511F53U);
      const auto product1 = Words::multiply(c, 0xCD9E8D57U);
      a = Words::exclusive_or(Words::upper(product1), b, Words::broadcast(key0));
      c = Words::exclusive_or(Words::upper(product0), d, Words::broadcast(key1));
      b = product1;
      d = product0;
      key0 += 0x9E3779B9U;
      key1 += 0xBB67AE85U;
    }
    Words::store(words + 4 * done, Words::join(a, b), Words::join(c, d));
  }
}

template <class Real>
void keep_random(Real* __restrict update, const std::uint32_t* __restrict words, std::uint32_t last) {
  for (std::size_t i = 0; i < kBlockElements; ++i) update[i] = words[i] <= last ? update[i] : Real{0};
}

template <class Real>
void keep_ranked(Real* __restrict update, const std::uint32_t* __restrict words, const std::uint32_t* __restrict ranks,
                 double lowest, double climb, double last_rank) {
  for (std::size_t i = 0; i < kBlockElements; ++i) {
    const double probability = lowest + climb * static_cast<double>(ranks[i]) / last_rank;
    const double limit = __builtin_floor(probability * 0x1p32);
    const Real kept = update[i] / static_cast<Real>(probability);
    update[i] = static_cast<double>(words[i]) < limit ? kept : Real{0};
  }
}

/// The 16 bits that bfloat16 drops are the distance to the lower neighbour in parts of the gap: adding 16 random bits
/// carries into the next with that probability.
[[maybe_unused]] void dither_bf16(float* __restrict merged, const std::uint32_t* __restrict words) {
  for (std::size_t i = 0; i < kBlockElements; ++i) {
    const auto bits = __builtin_bit_cast(std::uint32_t, merged[i]);
    const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
    const std::uint32_t carried = (magnitude + (words[i] >> 16)) & 0xFFFF0000U;
    const std::uint32_t finite = carried >= 0x7F800000U ? 0x7F7F0000U : carried;
    const std::uint32_t chosen = magnitude >= 0x7F7F8000U ? magnitude : finite;  // what nearest makes infinite, and NaN
    merged[i] = __builtin_bit_cast(float, chosen | (bits & 0x80000000U));
  }
}

struct FloatBits {
  using Word = std::uint32_t;
  static constexpr int kMantissa = 23;
  static constexpr int kBias = 127;
};
struct DoubleBits {
  using Word = std::uint64_t;
  static constexpr int kMantissa = 52;
  static constexpr int kBias = 1023;
};

/// A type with that many bits of significand (the hidden one included), that exponent of its smallest normal number,
/// and that largest value; from `overflow` on, nearest gives infinity.
struct Bf16Format {
  static constexpr int kPrecision = 8;
  static constexpr int kSmallest = -126;
  static constexpr double kLargest = 0x1.FEp127;
  static constexpr double kOverflow = 0x1.FFp127;
};
struct F16Format {
  static constexpr int kPrecision = 11;
  static constexpr int kSmallest = -14;
  static constexpr double kLargest = 65504.0;
  static constexpr double kOverflow = 65520.0;
};
struct F32Format {
  static constexpr int kPrecision = 24;
  static constexpr int kSmallest = -126;
  static constexpr double kLargest = 0x1.FFFFFEp127;
  static constexpr double kOverflow = 0x1.FFFFFFp127;
};

/// In units of the last place every step is exact: scaling by powers of two, the whole part, the difference to it.
template <class Format, class Bits, class Real>
void dither(Real* __restrict merged, const std::uint32_t* __restrict words) {
  using Word = typename Bits::Word;
  constexpr Word kSign = Word{1} << (8 * sizeof(Word) - 1);
  constexpr auto kLowest = static_cast<Word>(Format::kSmallest + Bits::kBias);
  constexpr auto kPlaces = static_cast<Word>(Format::kPrecision - 1);
  for (std::size_t i = 0; i < kBlockElements; ++i) {
    const auto bits = __builtin_bit_cast(Word, merged[i]);
    const auto magnitude = __builtin_bit_cast(Real, static_cast<Word>(bits & ~kSign));
    const auto exponent = static_cast<Word>((bits & ~kSign) >> Bits::kMantissa);
    const Word place = (exponent < kLowest ? kLowest : exponent) - kPlaces;
    const auto unit = __builtin_bit_cast(Real, static_cast<Word>(place << Bits::kMantissa));
    const auto per_unit =
        __builtin_bit_cast(Real, static_cast<Word>((Word{2 * Bits::kBias} - place) << Bits::kMantissa));
    const Real scaled = magnitude * per_unit;
    const auto below = static_cast<Real>(__builtin_floor(scaled));
    const double distance = static_cast<double>(scaled - below) * 0x1p32;
    const Real chosen = (below + (static_cast<double>(words[i]) < distance ? Real{1} : Real{0})) * unit;
    const Real finite = chosen > static_cast<Real>(Format::kLargest) ? static_cast<Real>(Format::kLargest) : chosen;
    const Real kept = magnitude < static_cast<Real>(Format::kOverflow) ? finite : magnitude;
    merged[i] = __builtin_bit_cast(Real, static_cast<Word>(__builtin_bit_cast(Word, kept) | (bits & kSign)));
  }
}

}  // namespace
}  // namespace retain::merge
