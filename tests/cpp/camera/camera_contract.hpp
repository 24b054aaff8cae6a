// What any Camera must keep to, as doctest checks. Put yours through it: check_camera_contract(camera).
#pragma once

#include <doctest.h>

#include <chrono>

#include "camera/camera.hpp"

namespace retain::testing {

namespace detail {

inline std::int64_t steady_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

inline bool next_frame(Camera& camera, Frame& frame, std::chrono::seconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < deadline) {
    const CameraStatus status = camera.grab(frame);
    if (status == CameraStatus::ok) return true;
    REQUIRE_MESSAGE(status == CameraStatus::timeout, "the camera is lost");
  }
  return false;
}

}  // namespace detail

/// Opens it twice and looks at some frames each time.
inline void check_camera_contract(Camera& camera, int frames = 10,
                                  std::chrono::seconds patience = std::chrono::seconds(10)) {
  CHECK(!camera.role().empty());
  Frame frame;
  std::uint64_t number = 0;
  std::int64_t time_ns = 0;
  for (int opened = 0; opened < 2; ++opened) {
    camera.open();
    for (int i = 0; i < frames; ++i) {
      REQUIRE_MESSAGE(detail::next_frame(camera, frame, patience), "no frame came");
      CHECK(frame.height == camera.height());
      CHECK(frame.width == camera.width());
      CHECK(frame.rgb.size() == camera.height() * camera.width() * 3);
      CHECK((frame.depth.empty() || frame.depth.size() == camera.height() * camera.width()));
      CHECK_MESSAGE(frame.number > number, "a frame's number did not count up");
      CHECK_MESSAGE(frame.sensor_time_ns > time_ns, "a frame's time did not go forward");
      CHECK_MESSAGE(frame.sensor_time_ns <= detail::steady_ns(),
                    "a frame from the future: is its time CLOCK_MONOTONIC?");
      number = frame.number;
      time_ns = frame.sensor_time_ns;
    }
    camera.close();
  }
}

}  // namespace retain::testing
