#include "runtime/crash_ring.hpp"

namespace retain {

void CrashRing::push(const CrashEntry& entry) noexcept {
  const std::uint64_t number = count_.load(std::memory_order_relaxed) + 1;
  Slot& slot = slots_[(number - 1) % kEntries];
  auto words = std::bit_cast<std::array<std::uint64_t, kWords>>(entry);
  words[0] = number;
  slot.begun.store(number, std::memory_order_relaxed);
  // Each store releases `begun`: whoever reads one new word finds, afterwards, that a new entry was begun.
  for (std::size_t i = 0; i < kWords; ++i) {
    if (used(i)) slot.words[i].store(words[i], std::memory_order_release);
  }
  slot.done.store(number, std::memory_order_release);
  count_.store(number, std::memory_order_release);
}

bool CrashRing::read(std::uint64_t number, CrashEntry& entry) const noexcept {
  if (number == 0) return false;
  const Slot& slot = slots_[(number - 1) % kEntries];
  if (slot.done.load(std::memory_order_acquire) != number) return false;
  std::array<std::uint64_t, kWords> words{};
  for (std::size_t i = 0; i < kWords; ++i) {
    if (used(i)) words[i] = slot.words[i].load(std::memory_order_acquire);
  }
  if (slot.begun.load(std::memory_order_relaxed) != number) return false;
  entry = std::bit_cast<CrashEntry>(words);
  return true;
}

}  // namespace retain
