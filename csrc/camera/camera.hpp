// The interface between the control loop and a camera: frames with the sensor's time stamp and a number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace retain {

/// One picture, RGB, row-major, height × width × 3 bytes.
struct Frame {
  std::int64_t sensor_time_ns = 0;  ///< when the scene looked like this, CLOCK_MONOTONIC; never when it was received
  std::uint64_t number = 0;         ///< counts up from 1 with every new picture
  std::size_t height = 0;
  std::size_t width = 0;
  std::vector<std::uint8_t> rgb;
  std::vector<std::uint16_t> depth;  ///< height × width, aligned to the colours, in depth_unit_m; empty without depth
  double depth_unit_m = 0.0;
};

enum class CameraStatus : std::uint8_t {
  ok,
  timeout,  ///< no new frame yet
  lost,     ///< unplugged or broken: to be closed, and opened again after a while
};

/// A source of frames. Belongs to its camera thread from open() to close(), and may be opened again after that.
class Camera {
 public:
  Camera() = default;
  Camera(const Camera&) = delete;
  Camera& operator=(const Camera&) = delete;
  virtual ~Camera() = default;

  /// The role it plays for the policy, as in the bundle's manifest: "front", "wrist".
  [[nodiscard]] virtual const std::string& role() const noexcept = 0;
  [[nodiscard]] virtual std::size_t height() const noexcept = 0;
  [[nodiscard]] virtual std::size_t width() const noexcept = 0;

  /// Opens the device on the thread that will grab.
  /// @throw DeviceError with what was found and what mends it.
  virtual void open() = 0;

  /// Waits for the next frame, at most about a tenth of a second, and writes it. `frame.rgb` keeps its capacity between
  /// calls; frame numbers go on counting when a camera was opened again.
  [[nodiscard]] virtual CameraStatus grab(Frame& frame) noexcept = 0;

  virtual void close() noexcept = 0;

  /// Whether two pictures of one scene always differ, as a real sensor's do: then pictures that repeat mean a frozen
  /// camera, whatever their numbers and time stamps say.
  [[nodiscard]] virtual bool noisy() const noexcept { return true; }
};

}  // namespace retain
