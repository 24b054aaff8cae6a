// Stored values and what to fill tensors with: plausible weights, and any bit patterns at all.
#pragma once

#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

#include "merge/dtype.hpp"

namespace retain::test {

using merge::DType;

using Bytes = std::vector<std::byte>;

inline constexpr DType kFloats[] = {DType::kBf16, DType::kF16, DType::kF32, DType::kF64};

inline std::size_t at(DType dtype) { return static_cast<std::size_t>(dtype); }

inline double element(DType dtype, const std::byte* bytes, std::size_t i) {
  const auto read = [&](auto value) {
    std::memcpy(&value, bytes + i * sizeof(value), sizeof(value));
    return static_cast<double>(merge::widen(value));
  };
  switch (dtype) {
    case DType::kBf16:
      return read(merge::Bf16{});
    case DType::kF16:
      return read(merge::F16{});
    case DType::kF32:
      return read(float{});
    default:
      return read(double{});
  }
}

inline double element(DType dtype, const Bytes& bytes, std::size_t i) { return element(dtype, bytes.data(), i); }

inline void append(DType dtype, Bytes& bytes, double value) {
  const auto write = [&](auto stored) {
    const auto* begin = reinterpret_cast<const std::byte*>(&stored);
    bytes.insert(bytes.end(), begin, begin + sizeof(stored));
  };
  switch (dtype) {
    case DType::kBf16:
      return write(merge::round_to_bf16(merge::round_to_odd(value)));
    case DType::kF16:
      return write(merge::round_to_f16(merge::round_to_odd(value)));
    case DType::kF32:
      return write(static_cast<float>(value));
    default:
      return write(value);
  }
}

inline Bytes stored(DType dtype, const std::vector<double>& values) {
  Bytes bytes;
  for (const double value : values) append(dtype, bytes, value);
  return bytes;
}

struct Ends {
  Bytes base;
  Bytes finetuned;
};

/// Weights and small updates, as finetuning makes them; a third of the elements unchanged.
inline Ends plausible(DType dtype, std::size_t elements, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  Ends ends;
  for (std::size_t i = 0; i < elements; ++i) {
    const double p = 0.02 * normal(random);
    append(dtype, ends.base, p);
    append(dtype, ends.finetuned, random() % 3 == 0 ? p : p + 5e-4 * normal(random));
  }
  return ends;
}

/// Any bit patterns at all: NaN with payloads, infinities, subnormals, both zeros.
inline Ends arbitrary(DType dtype, std::size_t elements, unsigned seed) {
  std::mt19937_64 random(seed);
  Ends ends;
  for (Bytes* end : {&ends.base, &ends.finetuned}) {
    end->resize(elements * merge::size_of(dtype));
    for (std::byte& byte : *end) byte = static_cast<std::byte>(random());
  }
  for (std::size_t i = 0; i < ends.base.size(); i += 5 * merge::size_of(dtype)) {
    std::memcpy(&ends.finetuned[i], &ends.base[i], merge::size_of(dtype));
  }
  return ends;
}

/// Finite values of every size the type has room for, so that updates of any ratio to their base occur.
inline Ends far_apart(DType dtype, std::size_t elements, unsigned seed) {
  std::mt19937_64 random(seed);
  const int span = dtype == DType::kF16 ? 24 : 60;
  Ends ends;
  for (Bytes* end : {&ends.base, &ends.finetuned}) {
    for (std::size_t i = 0; i < elements; ++i) {
      const double size = 1.0 + static_cast<double>(random() % 1000) / 1000.0;
      const int exponent = static_cast<int>(random() % static_cast<std::uint64_t>(span)) - span / 2;
      append(dtype, *end, std::ldexp(random() % 2 == 0 ? size : -size, exponent));
    }
  }
  return ends;
}

inline bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b) || (std::isnan(a) && std::isnan(b));
}

/// Bit for bit, except that which NaN comes out of NaN + NaN is the hardware's choice.
inline bool same_values(DType dtype, const Bytes& a, const Bytes& b) {
  if (a == b) return true;
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size() / merge::size_of(dtype); ++i) {
    if (!same_bits(element(dtype, a, i), element(dtype, b, i))) return false;
  }
  return true;
}

/// The distance between a stored value and its neighbour, at the size of `value`.
inline long double last_place(DType dtype, long double value) {
  const auto [precision, smallest] = dtype == DType::kBf16  ? std::pair{8, -126}
                                     : dtype == DType::kF16 ? std::pair{11, -14}
                                     : dtype == DType::kF32 ? std::pair{24, -126}
                                                            : std::pair{53, -1022};
  const int exponent = value == 0.0L ? smallest : std::max(std::ilogb(value), smallest);
  return std::ldexp(1.0L, exponent - precision + 1);
}

}  // namespace retain::test
