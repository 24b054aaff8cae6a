#include "camera/realsense/streams.hpp"

#include "error.hpp"

namespace retain::rs {

namespace {

std::string as_text(float value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

Streams::Streams(std::shared_ptr<const Context> context, const Device& device, const StreamWishes& wishes,
                 std::string camera)
    : context_(std::move(context)),
      library_(context_->library()),
      api_(library_.api()),
      camera_(std::move(camera)),
      arrived_(library_.call("make a queue", api_.create_frame_queue, 1), api_.delete_frame_queue),
      aligned_(nullptr, api_.delete_frame_queue),
      pair_(nullptr, api_.delete_processing_block),
      align_(nullptr, api_.delete_processing_block),
      table_(*context_, device) {
  const StreamChoice color = table_.find(*context_, kStreamColor, wishes.mode, camera_);
  std::optional<StreamChoice> depth;
  if (wishes.depth) {
    depth = table_.find(*context_, kStreamDepth, wishes.mode, camera_);
    aligned_.reset(library_.call("make a queue", api_.create_frame_queue, 1));
    pair_.reset(library_.call("pair streams", api_.create_sync_processing_block));
    library_.call("pair streams", api_.start_processing_queue, pair_.get(), arrived_.get());
    align_.reset(library_.call("align depth", api_.create_align, kStreamColor));
    library_.call("align depth", api_.start_processing_queue, align_.get(), aligned_.get());
  }
  set_options(table_.sensors[color.sensor].get(), wishes);
  try {
    start(color, depth);
  } catch (...) {
    stop();
    throw;
  }
}

Streams::~Streams() { stop(); }

void Streams::set_options(Sensor* sensor, const StreamWishes& wishes) {
  const auto set = [&](int option, double value, const std::string& name) {
    if (library_.call("ask for options", api_.supports_option, sensor, option) == 0) {
      throw DeviceError(camera_ + " has no " + name + " to set");
    }
    float least = 0.0F;
    float greatest = 0.0F;
    float step = 0.0F;
    float usual = 0.0F;
    library_.call("ask for options", api_.get_option_range, sensor, option, &least, &greatest, &step, &usual);
    const auto wanted = static_cast<float>(value);
    if (!(wanted >= least && wanted <= greatest)) {
      throw DeviceError(camera_ + " takes " + name + " from " + as_text(least) + " to " + as_text(greatest) +
                        ", asked for " + as_text(wanted));
    }
    library_.call("set " + name + " of " + camera_, api_.set_option, sensor, option, wanted);
  };
  const bool by_hand = wishes.exposure || wishes.gain;
  if (wishes.auto_exposure || by_hand) {
    set(kOptionAutoExposure, wishes.auto_exposure.value_or(false) && !by_hand ? 1.0 : 0.0, "automatic exposure");
  }
  if (wishes.exposure) set(kOptionExposure, *wishes.exposure, "exposure");
  if (wishes.gain) set(kOptionGain, *wishes.gain, "gain");
  // Where this is on, as it is by default, a dim scene halves the frame rate. Recordings refuse it, and need it not.
  library_.attempt(api_.set_option, static_cast<const Sensor*>(sensor), kOptionAutoExposurePriority, 0.0F);
}

void Streams::start(const StreamChoice& color, const std::optional<StreamChoice>& depth) {
  const std::string doing = "open " + camera_;
  const auto open = [&](std::size_t sensor, std::vector<const Profile*> profiles) {
    Sensor* const it = table_.sensors[sensor].get();
    library_.call(doing, api_.open_multiple, it, profiles.data(), static_cast<int>(profiles.size()));
    opened_.push_back(it);
  };
  if (!depth) {
    open(color.sensor, {color.profile});
  } else if (depth->sensor == color.sensor) {
    open(color.sensor, {color.profile, depth->profile});
  } else {
    open(depth->sensor, {depth->profile});
    open(color.sensor, {color.profile});
  }
  for (Sensor* sensor : opened_) {
    if (depth) {
      library_.call(doing, api_.start, sensor, &Streams::pair_up, static_cast<void*>(this));
    } else {
      library_.call(doing, api_.start, sensor, api_.enqueue_frame, static_cast<void*>(arrived_.get()));
    }
    started_.push_back(sensor);
  }
}

void Streams::stop() noexcept {
  // On a device that was unplugged these fail, which is as good.
  for (Sensor* sensor : started_) library_.attempt(api_.stop, sensor);
  for (Sensor* sensor : opened_) library_.attempt(api_.close, sensor);
  started_.clear();
  opened_.clear();
}

void Streams::pair_up(Frame* frame, void* streams) {
  const auto& self = *static_cast<const Streams*>(streams);
  self.library_.attempt(self.api_.process_frame, self.pair_.get(), frame);
}

std::optional<Picture> Streams::wait(unsigned timeout_ms) {
  Handle<Frame> frame = take(arrived_.get(), timeout_ms);
  if (!frame) return std::nullopt;
  if (align_) return aligned(std::move(frame));
  return Picture{std::move(frame), Handle<Frame>(nullptr, api_.release_frame)};
}

std::optional<Picture> Streams::aligned(Handle<Frame> together) {
  if (library_.call("pair streams", api_.embedded_frames_count, together.get()) < 2) return std::nullopt;
  library_.call("align depth", api_.process_frame, align_.get(), together.release());
  const Handle<Frame> both = take(aligned_.get(), 0);
  if (!both) return std::nullopt;
  Picture picture{part(both.get(), kStreamColor), part(both.get(), kStreamDepth)};
  if (!picture.color || !picture.depth) return std::nullopt;
  return picture;
}

Handle<Frame> Streams::take(FrameQueue* queue, unsigned timeout_ms) const {
  Frame* frame = nullptr;
  library_.call("wait for " + camera_, api_.try_wait_for_frame, queue, timeout_ms, &frame);
  return {frame, api_.release_frame};
}

Handle<Frame> Streams::part(Frame* together, int stream) const {
  const int count = library_.call("read frames", api_.embedded_frames_count, together);
  for (int i = 0; i < count; ++i) {
    Handle<Frame> frame(library_.call("read frames", api_.extract_frame, together, i), api_.release_frame);
    const Profile* profile =
        library_.call("read frames", api_.get_frame_stream_profile, static_cast<const Frame*>(frame.get()));
    int its_stream = 0;
    int format = 0;
    int index = 0;
    int unique = 0;
    int fps = 0;
    library_.call("read frames", api_.get_stream_profile_data, profile, &its_stream, &format, &index, &unique, &fps);
    if (its_stream == stream) return frame;
  }
  return {nullptr, api_.release_frame};
}

}  // namespace retain::rs
