// The last seconds of a run in fixed memory, for the file that is written only if something goes wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "record/message.hpp"

namespace retain {

/// Messages in one ring of bytes, allocated once; one larger than the ring is refused and counted. What is older than
/// the window makes room; so does the oldest where the ring is too small for the window, and is counted.
class BlackBox {
 public:
  /// @param window_ns how long a message is kept after it was recorded
  /// @param capacity bytes, messages and a few words for each
  BlackBox(Nanoseconds window_ns, std::size_t capacity);

  void push(const Message& message) noexcept;

  /// All messages recorded within the window before the newest one, in the order in which they were pushed.
  void for_each(const std::function<void(const Message&)>& visit) const;

  /// Messages that had to go before their time.
  [[nodiscard]] std::uint64_t crowded_out() const noexcept { return crowded_out_; }

 private:
  struct Entry {
    std::uint64_t size = 0;
    std::uint32_t sequence = 0;
    std::uint16_t topic = 0;
    Nanoseconds log_ns = 0;
    Nanoseconds publish_ns = 0;
  };

  [[nodiscard]] std::size_t used() const noexcept { return static_cast<std::size_t>(head_ - tail_); }
  [[nodiscard]] Entry entry_at(std::uint64_t position) const noexcept;
  void copy_in(std::uint64_t position, const void* data, std::size_t size) noexcept;
  void copy_out(std::uint64_t position, void* data, std::size_t size) const noexcept;

  Nanoseconds window_ns_;
  std::vector<std::byte> bytes_;
  std::uint64_t tail_ = 0;  // positions count on for ever; their place is the remainder
  std::uint64_t head_ = 0;
  Nanoseconds newest_ns_ = 0;
  std::uint64_t crowded_out_ = 0;
};

}  // namespace retain
