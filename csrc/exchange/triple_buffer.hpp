// Newest value wins: one writer, one reader, neither ever waits, and the reader's copy stays still while it reads.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace retain {

/// Three slots: one the writer fills, one the reader looks at, and the newest between them.
/// The exchange of the middle slot's index (with a bit that says "unread") is the only shared access.
template <typename T>
class TripleBuffer {
 public:
  TripleBuffer() = default;

  /// All three slots start as copies of a prototype, so that values with storage inside never allocate later.
  explicit TripleBuffer(const T& prototype) : slots_{prototype, prototype, prototype} {}

  /// Writer: the slot to fill. It holds an old value.
  [[nodiscard]] T& back() noexcept { return slots_[back_]; }
  [[nodiscard]] const T& back() const noexcept { return slots_[back_]; }

  /// Writer: make back() the newest value.
  void publish() noexcept {
    back_ = static_cast<std::uint8_t>(
        middle_.exchange(static_cast<std::uint8_t>(back_ | kUnread), std::memory_order_acq_rel) & kIndex);
  }

  /// Reader: take the newest value if there is one that was not taken yet.
  /// @return whether front() changed
  bool update() noexcept {
    if ((middle_.load(std::memory_order_relaxed) & kUnread) == 0) return false;
    front_ = static_cast<std::uint8_t>(middle_.exchange(front_, std::memory_order_acq_rel) & kIndex);
    return true;
  }

  /// Reader: the value last taken by update().
  [[nodiscard]] const T& front() const noexcept { return slots_[front_]; }

 private:
  static constexpr std::uint8_t kIndex = 3;
  static constexpr std::uint8_t kUnread = 4;

  std::array<T, 3> slots_{};
  std::uint8_t back_ = 0;
  alignas(64) std::atomic<std::uint8_t> middle_{1};
  alignas(64) std::uint8_t front_ = 2;
};

}  // namespace retain
