// Frame numbers that only ever grow, over resets and over closing and opening again.
#pragma once

#include <cstdint>
#include <optional>

namespace retain::rs {

/// Turns the device's frame counter into the loop's: 1 for the first frame, gaps kept, so that dropped frames show.
class FrameCount {
 public:
  /// @param counter the device's number; one that did not grow means that the device counts anew
  std::uint64_t next(std::uint64_t counter) noexcept {
    number_ += last_ && counter > *last_ ? counter - *last_ : 1;
    last_ = counter;
    return number_;
  }

  /// The next frame is the one after the last, whatever its counter says.
  void restart() noexcept { last_.reset(); }

 private:
  std::uint64_t number_ = 0;
  std::optional<std::uint64_t> last_;
};

}  // namespace retain::rs
