// A camera while it sends: from opening its sensors to closing them, with the newest picture at hand.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "camera/realsense/context.hpp"
#include "camera/realsense/modes.hpp"

namespace retain::rs {

/// One moment: colours, and depths seen from the colour camera where they were asked for.
struct Picture {
  Handle<Frame> color;
  Handle<Frame> depth;  ///< null without depth
};

struct StreamWishes {
  Mode mode;
  bool depth = false;
  std::optional<bool> auto_exposure;
  std::optional<double> exposure;
  std::optional<double> gain;
};

/// Sensors that are sending. librealsense's threads put frames in; one thread takes them out.
///
/// The sensors are driven directly: librealsense's "pipeline" would, on silence, restart a lost device inside a wait
/// and hold the caller for up to 15 s, and it would pair a new colour frame with an old depth frame.
class Streams {
 public:
  /// Sets the options, opens and starts.
  /// @param camera as errors name it: "camera front (0123)"
  /// @throw DeviceError if a mode or option is not offered, or the device is held by another program
  Streams(std::shared_ptr<const Context> context, const Device& device, const StreamWishes& wishes, std::string camera);
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;
  ~Streams();

  /// The newest picture that was not taken yet; waits for it if there is none.
  /// @return nothing after the time-out
  /// @throw DeviceError if librealsense reports one
  [[nodiscard]] std::optional<Picture> wait(unsigned timeout_ms);

 private:
  void set_options(Sensor* sensor, const StreamWishes& wishes);
  void start(const StreamChoice& color, const std::optional<StreamChoice>& depth);
  void stop() noexcept;
  static void pair_up(Frame* frame, void* streams);  ///< called on librealsense's threads
  [[nodiscard]] std::optional<Picture> aligned(Handle<Frame> together);
  [[nodiscard]] Handle<Frame> take(FrameQueue* queue, unsigned timeout_ms) const;
  [[nodiscard]] Handle<Frame> part(Frame* together, int stream) const;

  std::shared_ptr<const Context> context_;
  const Library& library_;
  const Api& api_;
  std::string camera_;
  Handle<FrameQueue> arrived_;     ///< holds one: newer frames push older ones out
  Handle<FrameQueue> aligned_;     ///< what `align_` gives back
  Handle<ProcessingBlock> pair_;   ///< joins colour and depth by time stamp
  Handle<ProcessingBlock> align_;  ///< moves depth to where the colour camera sees it
  SensorTable table_;
  std::vector<Sensor*> opened_;
  std::vector<Sensor*> started_;
};

}  // namespace retain::rs
