// The scalar conversions against an oracle that knows only the formats' definitions.
#include "merge/dtype.hpp"

#include <doctest.h>

#include <limits>
#include <random>

namespace retain::merge {
namespace {

struct Format {
  int precision;        // bits of the significand, the hidden one included
  int smallest_normal;  // exponent e of the smallest normal number 2^e
  double largest;
};
constexpr Format kBf16Format{8, -126, 0x1.FEp127};
constexpr Format kF16Format{11, -14, 65504.0};

/// Round to nearest even by the definition: scale so that the last place is 1, round, scale back.
double rounded_by_definition(const Format& format, double value) {
  if (value == 0.0 || !std::isfinite(value)) return value;
  const int exponent = std::max(std::ilogb(value), format.smallest_normal) - (format.precision - 1);
  const double rounded = std::ldexp(std::nearbyint(std::ldexp(value, -exponent)), exponent);
  if (std::fabs(rounded) > format.largest) return std::copysign(std::numeric_limits<double>::infinity(), value);
  return rounded;
}

/// Doubles that are hard to round: ties, near-ties, subnormals, overflow thresholds, and plain random ones.
std::vector<double> hard_doubles() {
  std::mt19937_64 random(1);
  std::vector<double> values{0.0,        -0.0,    65504.0, 65519.999, 65520.0,  65536.0,  0x1.FEp127,
                             0x1.FFp127, 0x1p-24, 0x1p-25, 0x1.8p-25, 0x1p-133, 0x1p-134, 0x1.000001p-134,
                             1e308,      -1e308,  1e-320};
  for (int i = 0; i < 200000; ++i) {
    const double any = std::bit_cast<double>(random());
    const double near_one =
        std::ldexp(1.0 + static_cast<double>(random() % 4096) / 4096.0, static_cast<int>(random() % 40) - 20);
    for (const double value :
         {any, near_one, std::nextafter(near_one, 0.0), std::nextafter(near_one, 1e9), -near_one}) {
      if (!std::isnan(value)) values.push_back(value);
    }
  }
  return values;
}

}  // namespace

TEST_CASE("every bfloat16 and float16 survives the way to float and back") {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const Bf16 brain{static_cast<std::uint16_t>(bits)};
    const F16 half{static_cast<std::uint16_t>(bits)};
    // A signalling NaN comes back quiet; everything else bit for bit.
    const bool brain_nan = std::isnan(widen(brain));
    const bool half_nan = std::isnan(widen(half));
    REQUIRE(round_to_bf16(widen(brain)).bits == (brain_nan ? bits | 0x40U : bits));
    REQUIRE(round_to_f16(widen(half)).bits == (half_nan ? bits | 0x200U : bits));
  }
}

TEST_CASE("floats round to the nearest 16-bit value, ties to even, subnormals included") {
  for (const double value : hard_doubles()) {
    const auto single = static_cast<float>(value);
    const auto exact = static_cast<double>(single);
    REQUIRE(static_cast<double>(widen(round_to_bf16(single))) == rounded_by_definition(kBf16Format, exact));
    REQUIRE(static_cast<double>(widen(round_to_f16(single))) == rounded_by_definition(kF16Format, exact));
    REQUIRE(std::signbit(widen(round_to_bf16(single))) == std::signbit(single));
    REQUIRE(std::signbit(widen(round_to_f16(single))) == std::signbit(single));
  }
}

TEST_CASE("a double rounded to odd and then to 16 bits is rounded once") {
  for (const double value : hard_doubles()) {
    REQUIRE(static_cast<double>(widen(round_to_bf16(round_to_odd(value)))) ==
            rounded_by_definition(kBf16Format, value));
    REQUIRE(static_cast<double>(widen(round_to_f16(round_to_odd(value)))) == rounded_by_definition(kF16Format, value));
  }
}

TEST_CASE("rounding twice to nearest would be wrong where rounding to odd is right") {
  const double just_above_a_tie = 1.0 + 0x1p-8 + 0x1p-40;
  CHECK(widen(round_to_bf16(static_cast<float>(just_above_a_tie))) == 1.0F);
  CHECK(widen(round_to_bf16(round_to_odd(just_above_a_tie))) == 1.0F + 0x1p-7F);
}

TEST_CASE("NaN stays NaN, keeps its sign, and never turns into a number") {
  for (const std::uint32_t bits : {0x7F800001U, 0x7FFFFFFFU, 0xFFFFFFFFU, 0xFF800001U, 0x7FC00000U}) {
    const auto nan = std::bit_cast<float>(bits);
    CHECK(std::isnan(widen(round_to_bf16(nan))));
    CHECK(std::isnan(widen(round_to_f16(nan))));
    CHECK((round_to_bf16(nan).bits >> 15) == (bits >> 31));
    CHECK((round_to_f16(nan).bits >> 15) == (bits >> 31));
  }
}

}  // namespace retain::merge
