// The central square of a picture, made smaller by averaging areas: how a camera's mode becomes the policy's size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace retain {

/// Rows of pixels in somebody else's memory.
template <class T>
struct PixelRows {
  const T* data = nullptr;
  std::size_t stride = 0;  ///< values from one row to the next
};

/// Takes the largest centred square of a height × width picture (top = (height − side) / 2, left = (width − side) / 2,
/// both rounded down) and makes it size × size.
class SquareCrop {
 public:
  /// @throw ConfigError if the square has fewer pixels than asked for: nothing is ever enlarged
  SquareCrop(std::size_t height, std::size_t width, std::size_t size);

  [[nodiscard]] std::size_t side() const noexcept { return side_; }

  /// Box filter in integers: output pixel i covers the source from i·side/size to (i + 1)·side/size on each axis,
  /// source pixels count by the part that is covered, and the mean is rounded half up. Exact: out = ⌊(Σ w·p + side²/2)
  /// / side²⌋ with integer weights w that sum to side².
  /// @param out size × size × 3
  void colors(PixelRows<std::uint8_t> rgb, std::span<std::uint8_t> out) noexcept;

  /// Depths are picked, never averaged: a mean of a near and a far surface, or of a hole (0), is nowhere in the scene.
  /// @param out size × size; the source pixel under the centre of each output pixel
  void depths(PixelRows<std::uint16_t> depth, std::span<std::uint16_t> out) const noexcept;

 private:
  /// The source pixels under one output pixel on one axis.
  struct Cover {
    std::size_t first;
    std::size_t count;
    std::size_t weight;  ///< index of the first weight
  };

  std::size_t side_;
  std::size_t size_;
  std::size_t top_;
  std::size_t left_;
  std::vector<Cover> covers_;
  std::vector<std::uint32_t> weights_;
  std::vector<std::uint32_t> row_;  ///< sums over rows, for every value of a source row
};

}  // namespace retain
