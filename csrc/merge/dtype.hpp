// How the four floating-point storage types of checkpoints are read and rounded, exactly: the reference for every
// kernel.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "merge/kernel.hpp"

namespace retain::merge {

/// Bytes of one element. Opaque tensors (integers, booleans) are only ever copied, byte by byte.
constexpr std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::kBf16:
    case DType::kF16:
      return 2;
    case DType::kF32:
      return 4;
    case DType::kF64:
      return 8;
    case DType::kOpaque:
      return 1;
  }
  return 1;
}

/// Exact: every bfloat16 is a float.
inline float widen(Bf16 value) { return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16); }

/// Exact: every float16 is a float. A signalling NaN becomes quiet, as the hardware's conversion makes it.
inline float widen(F16 value) {
  const std::uint32_t sign = static_cast<std::uint32_t>(value.bits & 0x8000U) << 16;
  const std::uint32_t exponent = (value.bits >> 10) & 0x1FU;
  const std::uint32_t mantissa = value.bits & 0x3FFU;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
  }
  if (exponent == 0x1F) {
    const std::uint32_t quiet = mantissa != 0 ? 0x400000U : 0U;
    return std::bit_cast<float>(sign | 0x7F800000U | quiet | (mantissa << 13));
  }
  return std::bit_cast<float>(sign | ((exponent + 112U) << 23) | (mantissa << 13));
}

/// Round to nearest, ties to even. NaN keeps its sign and upper payload and is made quiet; overflow gives infinity.
inline Bf16 round_to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return {static_cast<std::uint16_t>((bits >> 16) | 0x40U)};
  return {static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16)};
}

/// Round to nearest, ties to even. NaN keeps its sign and upper payload and is made quiet; overflow gives infinity.
inline F16 round_to_f16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) return {static_cast<std::uint16_t>(sign | 0x7E00U | ((magnitude >> 13) & 0x3FFU))};
  if (magnitude >= 0x47800000U) return {static_cast<std::uint16_t>(sign | 0x7C00U)};  // 65536 and above
  if (magnitude < 0x38800000U) {
    // Below 2^-14 the result is subnormal: adding 0.5 puts its unit, 2^-24, at the last place of the sum, so the
    // addition itself rounds to nearest even.
    const float sum = std::bit_cast<float>(magnitude) + 0.5F;
    return {static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(sum) - 0x3F000000U))};
  }
  const std::uint32_t rounded = magnitude - 0x38000000U + 0xFFFU + ((magnitude >> 13) & 1U);
  return {static_cast<std::uint16_t>(sign | (rounded >> 13))};
}

/// Round to odd: an inexact value goes to the neighbour whose last bit is one. Rounding that once more, to a type at
/// least two bits narrower, equals rounding the double directly, which two roundings to nearest do not.
inline float round_to_odd(double value) {
  const auto nearest = static_cast<float>(value);
  const auto back = static_cast<double>(nearest);
  auto bits = std::bit_cast<std::uint32_t>(nearest);
  if (std::fabs(back) > std::fabs(value)) bits -= 1;  // toward zero: floats are ordered like their magnitude bits
  if (back < value || back > value) bits |= 1;
  return std::bit_cast<float>(bits);
}

inline double widen(float value) { return static_cast<double>(value); }
inline double widen(double value) { return value; }

}  // namespace retain::merge
