#include "camera/slot_camera.hpp"

#include <chrono>
#include <utility>

#include "error.hpp"

namespace retain {

namespace {

constexpr std::chrono::milliseconds kPatience{100};

}  // namespace

SlotCamera::SlotCamera(std::string role, std::size_t height, std::size_t width, bool noisy)
    : role_(std::move(role)), height_(height), width_(width), noisy_(noisy) {
  if (height == 0 || width == 0) throw DeviceError("camera " + role_ + " needs a size; it has 0 pixels");
}

void SlotCamera::open() {
  const std::lock_guard lock(mutex_);
  if (reason_)
    throw DeviceError("camera " + role_ + "'s driver has ended: " + (reason_->empty() ? "closed" : *reason_) +
                      "; open the device again");
}

CameraStatus SlotCamera::grab(Frame& frame) noexcept {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kPatience, [this] { return fresh_ || reason_; });
  if (reason_) return CameraStatus::lost;
  if (!fresh_) return CameraStatus::timeout;
  // The three frames' storage goes round; none is allocated again.
  std::swap(frame, waiting_);
  fresh_ = false;
  return CameraStatus::ok;
}

bool SlotCamera::push(std::int64_t sensor_time_ns, std::span<const std::uint8_t> rgb) {
  if (rgb.size() != height_ * width_ * 3) {
    throw DeviceError("camera " + role_ + " got a frame of " + std::to_string(rgb.size()) + " bytes, and has " +
                      std::to_string(height_) + "×" + std::to_string(width_) + " pixels of 3");
  }
  if (sensor_time_ns <= newest_ns_) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  newest_ns_ = sensor_time_ns;
  filling_.sensor_time_ns = sensor_time_ns;
  filling_.number = ++frames_;
  filling_.height = height_;
  filling_.width = width_;
  filling_.rgb.assign(rgb.begin(), rgb.end());
  filling_.depth.clear();
  {
    const std::lock_guard lock(mutex_);
    std::swap(filling_, waiting_);
    fresh_ = true;
  }
  changed_.notify_one();
  return true;
}

void SlotCamera::end(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (!reason_) reason_ = reason;
  }
  changed_.notify_all();
}

}  // namespace retain
