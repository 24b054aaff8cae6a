// Tells a camera that repeats itself from one that looks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace retain {

/// Counts pictures in a row that are equal to the byte. A bridge between camera and loop may send its last picture for
/// ever, with new numbers and new time stamps (innate-os #848); a sensor's noise makes that impossible.
class FrozenWatch {
 public:
  /// @param limit equal pictures in a row from which on the camera counts as frozen; 0: never
  explicit FrozenWatch(std::size_t limit) : limit_(limit) {}

  /// @return whether the camera counts as frozen, this picture included
  bool see(std::span<const std::uint8_t> picture) noexcept {
    if (limit_ == 0) return false;
    const std::uint64_t digest = digest_of(picture);
    repeats_ = seen_ && digest == last_ ? repeats_ + 1 : 0;
    last_ = digest;
    seen_ = true;
    return repeats_ >= limit_;
  }

 private:
  // FNV-1a over words instead of bytes: 0.1 ms for a megabyte. Nobody forges pictures here.
  static std::uint64_t digest_of(std::span<const std::uint8_t> picture) noexcept;

  std::size_t limit_;
  std::size_t repeats_ = 0;
  std::uint64_t last_ = 0;
  bool seen_ = false;
};

}  // namespace retain
