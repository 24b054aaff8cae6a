#include "camera/square_crop.hpp"

#include <doctest.h>

#include <algorithm>
#include <array>
#include <random>
#include <vector>

#include "error.hpp"

using namespace retain;

namespace {

std::vector<std::uint8_t> noise(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::uint8_t> values(count);
  for (std::uint8_t& value : values) value = static_cast<std::uint8_t>(random());
  return values;
}

/// The definition itself: every source pixel as size × size parts, every output pixel the mean of side × side of them.
std::uint8_t by_parts(const std::vector<std::uint8_t>& rgb, std::size_t height, std::size_t width, std::size_t size,
                      std::size_t y, std::size_t x, std::size_t channel) {
  const std::size_t side = std::min(height, width);
  const std::size_t top = (height - side) / 2;
  const std::size_t left = (width - side) / 2;
  std::uint64_t sum = 0;
  for (std::size_t v = y * side; v < (y + 1) * side; ++v) {
    for (std::size_t u = x * side; u < (x + 1) * side; ++u) {
      sum += rgb[((top + v / size) * width + left + u / size) * 3 + channel];
    }
  }
  return static_cast<std::uint8_t>((sum + side * side / 2) / (side * side));
}

}  // namespace

TEST_CASE("averaging equals the definition for every ratio, crop included") {
  for (const auto& [height, width, size] : std::vector<std::array<std::size_t, 3>>{
           {12, 16, 12}, {12, 16, 6}, {12, 16, 5}, {17, 9, 7}, {9, 9, 1}, {24, 31, 23}, {16, 20, 11}}) {
    const std::vector<std::uint8_t> rgb = noise(height * width * 3, height * width + size);
    SquareCrop crop(height, width, size);
    std::vector<std::uint8_t> out(size * size * 3);
    crop.colors({rgb.data(), width * 3}, out);
    for (std::size_t i = 0; i < out.size(); ++i) {
      REQUIRE(out[i] == by_parts(rgb, height, width, size, i / 3 / size, i / 3 % size, i % 3));
    }
  }
}

TEST_CASE("white stays white and black black at the greatest side") {
  for (const std::uint8_t value : {std::uint8_t{0}, std::uint8_t{255}}) {
    const std::vector<std::uint8_t> rgb(4096 * 4096 * 3, value);
    SquareCrop crop(4096, 4096, 3);
    std::vector<std::uint8_t> out(27);
    crop.colors({rgb.data(), 4096 * 3}, out);
    for (const std::uint8_t pixel : out) REQUIRE(pixel == value);
  }
}

TEST_CASE("depths are picked from under the centres, never mixed") {
  std::vector<std::uint16_t> depth(6 * 8);
  for (std::size_t i = 0; i < depth.size(); ++i) depth[i] = static_cast<std::uint16_t>(i);
  SquareCrop crop(6, 8, 2);
  std::vector<std::uint16_t> out(4);
  crop.depths({depth.data(), 8}, out);
  // The square is columns 1…6; centres lie at rows and columns 1 and 4 of it (1.5 and 4.5).
  CHECK(out == std::vector<std::uint16_t>{1 * 8 + 2, 1 * 8 + 5, 4 * 8 + 2, 4 * 8 + 5});
}

TEST_CASE("nothing is enlarged") {
  CHECK_THROWS_AS(SquareCrop(48, 64, 49), ConfigError);
  CHECK_THROWS_AS(SquareCrop(48, 64, 0), ConfigError);
}
