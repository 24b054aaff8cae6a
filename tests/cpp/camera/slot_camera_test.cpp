#include "camera/slot_camera.hpp"

#include <doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "camera/camera_contract.hpp"
#include "error.hpp"

using namespace retain;
using namespace retain::testing;

namespace {

std::vector<std::uint8_t> picture(std::uint8_t value) { return std::vector<std::uint8_t>(2 * 3 * 3, value); }

}  // namespace

TEST_CASE("a driven slot is a camera like any other, and shows whole frames") {
  SlotCamera camera("front", 2, 3);
  std::atomic<bool> ending{false};
  std::thread driver([&] {
    for (std::uint8_t value = 0; !ending.load(); ++value) {
      camera.push(testing::detail::steady_ns(), picture(value));
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  });
  check_camera_contract(camera);
  camera.open();
  Frame frame;
  bool whole = true;
  for (int i = 0; i < 200; ++i) {
    if (camera.grab(frame) != CameraStatus::ok) continue;
    for (const std::uint8_t value : frame.rgb) whole = whole && value == frame.rgb[0];
  }
  CHECK(whole);
  ending.store(true);
  driver.join();
}

TEST_CASE("a frame is grabbed once, the newest one, and waiting for the next ends") {
  SlotCamera camera("front", 2, 3);
  Frame frame;
  CHECK(camera.grab(frame) == CameraStatus::timeout);
  CHECK(camera.push(10, picture(1)));
  CHECK(camera.push(20, picture(2)));
  CHECK(camera.grab(frame) == CameraStatus::ok);
  CHECK(frame.number == 2);
  CHECK(frame.sensor_time_ns == 20);
  CHECK(frame.rgb == picture(2));
  CHECK(camera.grab(frame) == CameraStatus::timeout);
}

TEST_CASE("a bridge that repeats its last frame delivers nothing") {
  SlotCamera camera("front", 2, 3);
  Frame frame;
  CHECK(camera.push(10, picture(1)));
  CHECK_FALSE(camera.push(10, picture(1)));
  CHECK_FALSE(camera.push(9, picture(1)));
  CHECK(camera.refused() == 2);
  CHECK(camera.grab(frame) == CameraStatus::ok);
  CHECK(frame.number == 1);
  CHECK(camera.grab(frame) == CameraStatus::timeout);
}

TEST_CASE("whether its pictures are noisy is for the driver to say") {
  CHECK(SlotCamera("front", 2, 3).noisy());
  CHECK_FALSE(SlotCamera("front", 2, 3, false).noisy());
}

TEST_CASE("the driver's end wakes whoever waits, and is told at the next open") {
  SlotCamera camera("front", 2, 3);
  Frame frame;
  std::thread driver([&] { camera.end("read() raised OSError: unplugged"); });
  CameraStatus status = CameraStatus::timeout;
  while (status == CameraStatus::timeout) status = camera.grab(frame);
  driver.join();
  CHECK(status == CameraStatus::lost);
  CHECK_THROWS_WITH_AS(camera.open(), doctest::Contains("read() raised OSError: unplugged"), DeviceError);
}

TEST_CASE("wrong sizes are refused in a sentence") {
  CHECK_THROWS_AS(SlotCamera("front", 0, 3), DeviceError);
  SlotCamera camera("front", 2, 3);
  CHECK_THROWS_WITH_AS(camera.push(1, std::vector<std::uint8_t>(7)), doctest::Contains("7 bytes"), DeviceError);
}
