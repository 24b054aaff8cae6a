// Philox4x32-10 written plainly from the paper (Salmon et al., SC 2011), one counter at a time.
#pragma once

#include <array>
#include <cstdint>

namespace retain::test {

inline std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53U} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57U} * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(product0)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

/// The word of an element of a tensor, as work items define it.
inline std::uint32_t philox_word(std::uint64_t key, std::uint32_t stream, std::uint64_t element) {
  const std::uint64_t counter = element / 4;
  return philox({static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32), stream, 0},
                {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)})[element % 4];
}

}  // namespace retain::test
