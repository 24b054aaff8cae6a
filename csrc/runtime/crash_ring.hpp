// The last ticks in fixed memory, readable from a signal handler at any instant.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "robot/robot.hpp"

namespace retain {

/// One tick as it lies in a crash dump. Plain bytes; retain.runtime.crash_dump reads the same layout.
struct CrashEntry {
  std::uint64_t number = 0;  ///< of the tick, from 1; 0: it was being overwritten when the dump was made
  std::int64_t time_ns = 0;  ///< CLOCK_MONOTONIC
  std::uint64_t chunk = 0;   ///< id of the chunk that played; 0: none
  std::uint32_t row = 0;
  std::uint8_t state = 0;     ///< a State
  std::uint8_t reaction = 0;  ///< a Reaction
  std::uint16_t unused = 0;
  ChannelValues measured{};
  ChannelValues sent{};
};
static_assert(std::is_trivially_copyable_v<CrashEntry>);
static_assert(sizeof(CrashEntry) == 32 + 2 * 8 * kMaxChannels);

/// The newest kEntries ticks. One writer, the tick thread: it never waits, allocates or takes a lock. Any number of
/// readers at any time, a signal handler that has interrupted the writer included: an entry that changes while it is
/// read is told apart and refused (a sequence lock made of atomics alone, so that no read is a data race).
class CrashRing {
 public:
  /// Two seconds at 500 Hz.
  static constexpr std::size_t kEntries = 1024;

  /// @param channels of the robot; only so many values are copied per tick
  explicit CrashRing(std::size_t channels) noexcept : channels_(channels < kMaxChannels ? channels : kMaxChannels) {}
  CrashRing(const CrashRing&) = delete;
  CrashRing& operator=(const CrashRing&) = delete;

  [[nodiscard]] std::size_t channels() const noexcept { return channels_; }

  /// Tick thread. The entry's number is given here.
  void push(const CrashEntry& entry) noexcept;

  /// How many ticks were pushed: the newest entry's number.
  [[nodiscard]] std::uint64_t count() const noexcept { return count_.load(std::memory_order_acquire); }

  /// Copies entry `number`. Async-signal-safe.
  /// @return false if it is no longer there, or was overwritten meanwhile; `entry` is then of no use
  [[nodiscard]] bool read(std::uint64_t number, CrashEntry& entry) const noexcept;

 private:
  static constexpr std::size_t kWords = sizeof(CrashEntry) / sizeof(std::uint64_t);
  static constexpr std::size_t kFixedWords = 4;

  using Word = std::atomic<std::uint64_t>;
  static_assert(Word::is_always_lock_free);
  struct Slot {
    Word begun{0};  // number of the entry that is being written, or was
    Word done{0};   // number of the entry that is whole
    std::array<Word, kWords> words{};
  };

  [[nodiscard]] bool used(std::size_t word) const noexcept {
    return word < kFixedWords || (word - kFixedWords) % kMaxChannels < channels_;
  }

  std::size_t channels_;
  Word count_{0};
  std::array<Slot, kEntries> slots_{};
};

}  // namespace retain
