// A camera whose driver runs on a thread of its own, at its own pace: in Python, or inside somebody's SDK callback.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "camera/camera.hpp"

namespace retain {

/// Newest frame wins. The lock is held only to swap buffers and by no thread of the tick.
class SlotCamera final : public Camera {
 public:
  /// @param noisy as in Camera::noisy()
  /// @throw DeviceError if the size is zero
  SlotCamera(std::string role, std::size_t height, std::size_t width, bool noisy = true);

  [[nodiscard]] const std::string& role() const noexcept override { return role_; }
  [[nodiscard]] std::size_t height() const noexcept override { return height_; }
  [[nodiscard]] std::size_t width() const noexcept override { return width_; }

  /// @throw DeviceError if the driver has ended; the sentence has the driver's own words
  void open() override;

  /// Waits at most 100 ms for a frame that was not grabbed before. `lost` after the driver's end.
  [[nodiscard]] CameraStatus grab(Frame& frame) noexcept override;
  void close() noexcept override {}
  [[nodiscard]] bool noisy() const noexcept override { return noisy_; }

  /// Driver: a frame was taken.
  /// @param sensor_time_ns when the scene looked like this, CLOCK_MONOTONIC
  /// @param rgb height × width × 3 bytes, row-major
  /// @return false if it is not newer than the last one; then it was not taken, and is counted
  /// @throw DeviceError if it has another size
  bool push(std::int64_t sensor_time_ns, std::span<const std::uint8_t> rgb);

  /// Driver, or whoever watches it: it is gone, and why. The first reason stays; an empty one is an ordinary
  /// end.
  void end(const std::string& reason);

  /// Frames that were not newer than the last.
  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_.load(std::memory_order_relaxed); }

 private:
  std::string role_;
  std::size_t height_;
  std::size_t width_;
  bool noisy_;
  Frame filling_;  // the driver's own
  std::uint64_t frames_ = 0;
  std::int64_t newest_ns_ = 0;
  std::atomic<std::uint64_t> refused_{0};

  std::mutex mutex_;
  std::condition_variable changed_;
  Frame waiting_;
  bool fresh_ = false;
  std::optional<std::string> reason_;
};

}  // namespace retain
