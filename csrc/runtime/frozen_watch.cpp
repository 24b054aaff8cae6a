#include "runtime/frozen_watch.hpp"

#include <cstring>

namespace retain {

std::uint64_t FrozenWatch::digest_of(std::span<const std::uint8_t> picture) noexcept {
  constexpr std::uint64_t kPrime = 0x100000001B3;
  std::uint64_t digest = 0xCBF29CE484222325 ^ picture.size();
  std::size_t at = 0;
  for (; at + sizeof(std::uint64_t) <= picture.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, picture.data() + at, sizeof(word));
    digest = (digest ^ word) * kPrime;
    digest ^= digest >> 32;  // a multiplication alone never carries high bits down
  }
  for (; at < picture.size(); ++at) digest = (digest ^ picture[at]) * kPrime;
  return digest;
}

}  // namespace retain
