// A queue of large values between one producer and one consumer: both work inside the ring's own slots, so that a value
// with storage inside is neither copied twice nor allocated.
#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

namespace retain {

template <typename T>
class SlotRing {
 public:
  /// @param capacity 0: a ring that always refuses
  /// @param prototype what every slot starts as; give it the storage that the values will need
  SlotRing(std::size_t capacity, const T& prototype) : slots_(capacity, prototype) {}

  [[nodiscard]] std::size_t capacity() const noexcept { return slots_.size(); }

  /// Producer: the slot to fill. It holds an old value.
  /// @return nullptr if the ring is full
  [[nodiscard]] T* claim() noexcept {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (head - tail_.load(std::memory_order_acquire) >= slots_.size()) return nullptr;
    return &slots_[head % slots_.size()];
  }

  /// Producer: hands over the slot that was claimed.
  void publish() noexcept { head_.store(head_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

  /// Consumer: the oldest value.
  /// @return nullptr if the ring is empty
  [[nodiscard]] const T* front() const noexcept {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    if (head_.load(std::memory_order_acquire) == tail) return nullptr;
    return &slots_[tail % slots_.size()];
  }

  /// Consumer: gives front()'s slot back.
  void pop() noexcept { tail_.store(tail_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

 private:
  std::vector<T> slots_;
  alignas(64) std::atomic<std::size_t> head_{0};
  alignas(64) std::atomic<std::size_t> tail_{0};
};

}  // namespace retain
