#include "camera/square_crop.hpp"

#include <algorithm>
#include <string>

#include "error.hpp"

namespace retain {

namespace {

constexpr std::size_t kChannels = 3;
constexpr std::size_t kGreatestSide = 4096;  // 255 · 4096² still fits 32 bits

}  // namespace

SquareCrop::SquareCrop(std::size_t height, std::size_t width, std::size_t size)
    : side_(std::min(height, width)), size_(size), top_((height - side_) / 2), left_((width - side_) / 2) {
  if (size_ == 0 || size_ > side_ || side_ > kGreatestSide) {
    throw ConfigError("the central square of " + std::to_string(width) + " × " + std::to_string(height) + " has " +
                      std::to_string(side_) + " pixels a side and " + std::to_string(size_) +
                      " are wanted; choose a larger mode of the camera (--camera-mode)");
  }
  // On an axis stretched by size_, source pixel s covers [s·size, (s + 1)·size) and output pixel i [i·side, (i +
  // 1)·side).
  for (std::size_t i = 0; i < size_; ++i) {
    const std::size_t begin = i * side_;
    const std::size_t end = begin + side_;
    const std::size_t first = begin / size_;
    const std::size_t last = (end - 1) / size_;
    covers_.push_back({first, last - first + 1, weights_.size()});
    for (std::size_t s = first; s <= last; ++s) {
      const std::size_t overlap = std::min(end, (s + 1) * size_) - std::max(begin, s * size_);
      weights_.push_back(static_cast<std::uint32_t>(overlap));
    }
  }
  row_.resize(side_ * kChannels);
}

void SquareCrop::colors(PixelRows<std::uint8_t> rgb, std::span<std::uint8_t> out) noexcept {
  const auto area = static_cast<std::uint32_t>(side_ * side_);
  std::size_t written = 0;
  for (const Cover& rows : covers_) {
    std::fill(row_.begin(), row_.end(), 0U);
    for (std::size_t r = 0; r < rows.count; ++r) {
      const std::uint8_t* source = rgb.data + (top_ + rows.first + r) * rgb.stride + left_ * kChannels;
      const std::uint32_t weight = weights_[rows.weight + r];
      for (std::size_t k = 0; k < row_.size(); ++k) row_[k] += weight * source[k];
    }
    for (const Cover& columns : covers_) {
      for (std::size_t channel = 0; channel < kChannels; ++channel) {
        std::uint32_t sum = area / 2;
        for (std::size_t c = 0; c < columns.count; ++c) {
          sum += weights_[columns.weight + c] * row_[(columns.first + c) * kChannels + channel];
        }
        out[written++] = static_cast<std::uint8_t>(sum / area);
      }
    }
  }
}

void SquareCrop::depths(PixelRows<std::uint16_t> depth, std::span<std::uint16_t> out) const noexcept {
  const auto centre = [this](std::size_t i) { return (2 * i + 1) * side_ / (2 * size_); };
  std::size_t written = 0;
  for (std::size_t y = 0; y < size_; ++y) {
    const std::uint16_t* source = depth.data + (top_ + centre(y)) * depth.stride + left_;
    for (std::size_t x = 0; x < size_; ++x) out[written++] = source[centre(x)];
  }
}

}  // namespace retain
