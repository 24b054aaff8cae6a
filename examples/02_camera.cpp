// Your own camera: implement Camera, then look at its frames. Here one that draws a bar which moves.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include "camera/camera.hpp"
#include "error.hpp"
#include "runtime/clock.hpp"

namespace {

class MovingBar final : public retain::Camera {
 public:
  const std::string& role() const noexcept override { return role_; }
  std::size_t height() const noexcept override { return 48; }
  std::size_t width() const noexcept override { return 64; }

  // Called on the thread that will grab. A real camera is opened here, and throws DeviceError with what mends it.
  void open() override { due_ = std::chrono::steady_clock::now(); }

  // Waits for the next frame, a tenth of a second at most.
  retain::CameraStatus grab(retain::Frame& frame) noexcept override {
    due_ += std::chrono::milliseconds(20);
    std::this_thread::sleep_until(due_);
    // When the scene looked like this: the sensor's time, never that of arrival.
    frame.sensor_time_ns = clock_.now_ns();
    frame.number = ++frames_;
    frame.height = height();
    frame.width = width();
    frame.rgb.assign(height() * width() * 3, 32);
    const std::size_t bar = frames_ % width();
    for (std::size_t row = 0; row < height(); ++row) frame.rgb[(row * width() + bar) * 3] = 255;
    return retain::CameraStatus::ok;
  }

  void close() noexcept override {}

 private:
  std::string role_ = "front";
  retain::MonotonicClock clock_;
  std::chrono::steady_clock::time_point due_;
  std::uint64_t frames_ = 0;  // goes on counting when the camera is opened again
};

}  // namespace

int main() {
  MovingBar camera;
  try {
    camera.open();
  } catch (const retain::DeviceError& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
  const retain::MonotonicClock clock;
  retain::Frame frame;
  double oldest_s = 0.0;
  for (int grabbed = 0; grabbed < 25;) {
    const retain::CameraStatus status = camera.grab(frame);
    if (status == retain::CameraStatus::lost) return 1;
    if (status == retain::CameraStatus::timeout) continue;
    ++grabbed;
    oldest_s = std::max(oldest_s, retain::to_s(clock.now_ns() - frame.sensor_time_ns));
  }
  camera.close();
  std::printf("25 frames of %zux%zu, the last is number %llu; the oldest was %.1f ms old on arrival\n", frame.width,
              frame.height, static_cast<unsigned long long>(frame.number), 1e3 * oldest_s);
  return 0;
}
