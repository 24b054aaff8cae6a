// An Intel RealSense camera, or a recording of one, for the control loop.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "camera/camera.hpp"
#include "camera/realsense/context.hpp"
#include "camera/realsense/frame_count.hpp"
#include "camera/realsense/sensor_clock.hpp"
#include "camera/realsense/streams.hpp"
#include "camera/square_crop.hpp"

namespace retain {

struct RealsenseSpec {
  std::string role;
  std::string serial;               ///< empty: the only camera there is
  std::filesystem::path recording;  ///< a .db3 or .bag to play instead of a camera; empty: none
  bool repeat = true;               ///< of a recording: begin again at its end

  std::size_t height = 0;  ///< of the frames, pixels
  std::size_t width = 0;
  rs::StreamWishes stream;      ///< the camera's mode; its size is the frames' size unless crop_to_square
  bool crop_to_square = false;  ///< frames are the mode's central square, averaged down to height = width

  int warm_up_frames = 0;  ///< thrown away when it is opened, while the exposure settles
  double timeout_s = 5.0;  ///< for the first frame, and of silence until the camera counts as lost
};

/// Colours come as RGB, depth aligned to them. One copy is made: from librealsense's buffer into the frame.
class RealsenseCamera final : public Camera {
 public:
  /// Looks for the camera and its mode, without opening it: what cannot work is said before a robot moves. Without a
  /// serial number it keeps to the camera found here.
  /// @throw ConfigError if the numbers contradict each other
  /// @throw DeviceError if the camera is not there or has no such mode; the sentence lists what is there
  RealsenseCamera(std::shared_ptr<const rs::Context> context, RealsenseSpec spec);
  ~RealsenseCamera() override;

  [[nodiscard]] const std::string& role() const noexcept override { return spec_.role; }
  [[nodiscard]] std::size_t height() const noexcept override { return spec_.height; }
  [[nodiscard]] std::size_t width() const noexcept override { return spec_.width; }

  /// The serial number that it keeps to; empty for a recording.
  [[nodiscard]] const std::string& serial() const noexcept { return spec_.serial; }

  /// Opens, starts and waits for the first frames. When it fails a second time in a row it also resets the hardware,
  /// which takes the camera off the bus for some seconds: a later try finds it again.
  void open() override;

  /// A frame with the number or the time stamp of the last one is no new frame. `lost` when the device is gone after
  /// three frame times of silence, when it is there but silent for timeout_s, or when librealsense reports an error.
  [[nodiscard]] CameraStatus grab(Frame& frame) noexcept override;

  void close() noexcept override;

 private:
  void start();
  void wait_for_first_frames();
  void reset_hardware() noexcept;
  void rewind_at_end();
  [[nodiscard]] bool is_new(std::uint64_t counter, double time_ms) noexcept;
  [[nodiscard]] CameraStatus on_silence();
  void copy(const rs::Picture& picture, Frame& frame);
  [[nodiscard]] rs::Stamp stamp(const rs::Frame* color) const;
  [[nodiscard]] std::string name() const;

  struct Seen {
    std::uint64_t counter;
    double time_ms;
  };

  std::shared_ptr<const rs::Context> context_;
  RealsenseSpec spec_;
  std::optional<SquareCrop> crop_;
  rs::Handle<rs::Device> device_;
  std::unique_ptr<rs::Streams> streams_;
  rs::SensorClock clock_;
  rs::FrameCount count_;
  std::optional<Seen> last_;
  std::chrono::steady_clock::time_point last_arrival_;
  int failed_opens_ = 0;
};

}  // namespace retain
