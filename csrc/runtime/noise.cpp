#include "runtime/noise.hpp"

#include <array>
#include <cmath>
#include <numbers>

namespace retain {

namespace {

using Block = std::array<std::uint32_t, 4>;

Block philox4x32(Block counter, std::uint32_t key0, std::uint32_t key1) noexcept {
  constexpr std::uint64_t kMultiplier0 = 0xD2511F53;
  constexpr std::uint64_t kMultiplier1 = 0xCD9E8D57;
  constexpr std::uint32_t kWeyl0 = 0x9E3779B9;
  constexpr std::uint32_t kWeyl1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = kMultiplier0 * counter[0];
    const std::uint64_t product1 = kMultiplier1 * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key0, static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key1, static_cast<std::uint32_t>(product0)};
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
  return counter;
}

// In (0, 1): never 0, whose logarithm is infinite.
double open_unit(std::uint32_t bits) noexcept { return (static_cast<double>(bits) + 0.5) / 4294967296.0; }

}  // namespace

void standard_normal(std::uint64_t seed, std::uint64_t stream, std::span<float> values) noexcept {
  for (std::size_t i = 0; i < values.size(); i += 4) {
    const Block bits = philox4x32({static_cast<std::uint32_t>(i / 4), static_cast<std::uint32_t>((i / 4) >> 32),
                                   static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)},
                                  static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
    for (std::size_t pair = 0; pair < 4 && i + pair < values.size(); pair += 2) {
      const double radius = std::sqrt(-2.0 * std::log(open_unit(bits[pair])));
      const double angle = 2.0 * std::numbers::pi * open_unit(bits[pair + 1]);
      values[i + pair] = static_cast<float>(radius * std::cos(angle));
      if (i + pair + 1 < values.size()) values[i + pair + 1] = static_cast<float>(radius * std::sin(angle));
    }
  }
}

}  // namespace retain
