#include "camera/realsense/realsense_camera.hpp"

#include <algorithm>
#include <cstring>
#include <ctime>

#include "error.hpp"

namespace retain {

namespace {

using SteadyClock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr unsigned kWaitMs = 100;
constexpr double kSilentFrames = 3.0;
constexpr int kOpensBeforeReset = 2;

std::int64_t now_ns(clockid_t clock) noexcept {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

void check(const RealsenseSpec& spec) {
  const rs::Mode& mode = spec.stream.mode;
  const std::string camera = "camera " + spec.role;
  if (spec.height == 0 || spec.width == 0 || mode.height == 0 || mode.width == 0 || mode.fps <= 0) {
    throw ConfigError(camera + " needs a positive size and rate");
  }
  if (!spec.crop_to_square && (spec.height != mode.height || spec.width != mode.width)) {
    throw ConfigError(camera + " shall give frames of " + std::to_string(spec.width) + " × " +
                      std::to_string(spec.height) + " from a mode of " + rs::to_string(mode) +
                      "; only the central square is ever made smaller: set crop_to_square and a square size");
  }
  if (spec.crop_to_square && spec.height != spec.width) {
    throw ConfigError(camera + " shall be cropped to a square, but its frames are " + std::to_string(spec.width) +
                      " × " + std::to_string(spec.height));
  }
  const bool by_hand = spec.stream.exposure || spec.stream.gain;
  if (by_hand && spec.stream.auto_exposure.value_or(false)) {
    throw ConfigError(camera + " has an exposure or gain set by hand and automatic exposure on; choose one");
  }
  if (!spec.recording.empty() && (by_hand || spec.stream.auto_exposure)) {
    throw ConfigError(camera + " is a recording, whose exposure cannot be changed any more");
  }
  if (!(spec.timeout_s > 0.0) || spec.warm_up_frames < 0) {
    throw ConfigError(camera + " needs a positive timeout_s and no negative number of warm-up frames");
  }
}

template <class T>
void copy_rows(const T* source, std::size_t stride, std::size_t height, std::size_t row, T* out) {
  if (stride == row) {
    std::memcpy(out, source, height * row * sizeof(T));
    return;
  }
  for (std::size_t y = 0; y < height; ++y) std::memcpy(out + y * row, source + y * stride, row * sizeof(T));
}

}  // namespace

RealsenseCamera::RealsenseCamera(std::shared_ptr<const rs::Context> context, RealsenseSpec spec)
    : context_(std::move(context)), spec_(std::move(spec)), device_(nullptr, context_->library().api().delete_device) {
  check(spec_);
  const rs::Mode& mode = spec_.stream.mode;
  if (spec_.crop_to_square) crop_.emplace(mode.height, mode.width, spec_.height);
  const bool recorded = !spec_.recording.empty();
  {
    const rs::Handle<rs::Device> device = recorded ? context_->load(spec_.recording) : context_->find(spec_.serial);
    if (!recorded) spec_.serial = context_->info(*device).serial;
    const rs::SensorTable table(*context_, *device);
    (void)table.find(*context_, rs::kStreamColor, mode, name());
    if (spec_.stream.depth) (void)table.find(*context_, rs::kStreamDepth, mode, name());
  }
  if (recorded) context_->forget(spec_.recording);
}

RealsenseCamera::~RealsenseCamera() { close(); }

std::string RealsenseCamera::name() const {
  return "camera " + spec_.role + " (" + (spec_.recording.empty() ? spec_.serial : spec_.recording.string()) + ")";
}

void RealsenseCamera::open() {
  close();
  try {
    start();
    wait_for_first_frames();
    failed_opens_ = 0;
  } catch (...) {
    if (++failed_opens_ % kOpensBeforeReset == 0) reset_hardware();
    close();
    throw;
  }
}

void RealsenseCamera::start() {
  if (spec_.recording.empty()) {
    device_ = context_->find(spec_.serial);
  } else {
    device_ = context_->load(spec_.recording);
  }
  streams_ = std::make_unique<rs::Streams>(context_, *device_, spec_.stream, name());
  clock_.restart();
  count_.restart();
  last_.reset();
  last_arrival_ = SteadyClock::now();
}

void RealsenseCamera::wait_for_first_frames() {
  // One more than is thrown away, so that a camera that opens but never sends is found out here. That one is lost, too.
  int wanted = spec_.recording.empty() ? spec_.warm_up_frames + 1 : 0;
  while (wanted > 0) {
    if (streams_->wait(kWaitMs)) {
      --wanted;
      last_arrival_ = SteadyClock::now();
    } else if (SteadyClock::now() - last_arrival_ > Seconds(spec_.timeout_s)) {
      const auto timeout_ms = static_cast<long>(spec_.timeout_s * 1e3);
      throw DeviceError(name() + " was opened and sent no frame within " + std::to_string(timeout_ms) +
                        " ms; try another USB 3 port or a shorter cable, or fewer cameras on one controller");
    }
  }
}

void RealsenseCamera::reset_hardware() noexcept {
  streams_.reset();
  if (device_) context_->library().attempt(context_->library().api().hardware_reset, device_.get());
}

CameraStatus RealsenseCamera::grab(Frame& frame) noexcept {
  if (!streams_) return CameraStatus::lost;
  try {
    const std::optional<rs::Picture> picture = streams_->wait(kWaitMs);
    if (!picture) return on_silence();
    const std::int64_t arrival_ns = now_ns(CLOCK_MONOTONIC);
    const std::int64_t wall_offset_ns = now_ns(CLOCK_REALTIME) - arrival_ns;
    const rs::Library& library = context_->library();
    const rs::Frame* color = picture->color.get();
    const std::uint64_t counter = library.call("read a frame", library.api().get_frame_number, color);
    const rs::Stamp when = stamp(color);
    if (!is_new(counter, when.time_ms)) return on_silence();
    last_arrival_ = SteadyClock::now();
    copy(*picture, frame);
    frame.sensor_time_ns = clock_.to_monotonic(when, arrival_ns, wall_offset_ns);
    frame.number = count_.next(counter);
    return CameraStatus::ok;
  } catch (...) {
    return CameraStatus::lost;
  }
}

bool RealsenseCamera::is_new(std::uint64_t counter, double time_ms) noexcept {
  if (last_ && (last_->counter == counter || last_->time_ms == time_ms)) return false;
  last_ = Seen{counter, time_ms};
  return true;
}

CameraStatus RealsenseCamera::on_silence() {
  if (!spec_.recording.empty()) {
    rewind_at_end();
    return CameraStatus::timeout;
  }
  const Seconds silent = SteadyClock::now() - last_arrival_;
  if (silent.count() > spec_.timeout_s) return CameraStatus::lost;
  if (silent.count() * spec_.stream.mode.fps < kSilentFrames) return CameraStatus::timeout;
  return context_->connected(*device_) ? CameraStatus::timeout : CameraStatus::lost;
}

void RealsenseCamera::rewind_at_end() {
  const rs::Library& library = context_->library();
  const int status = library.call("play", library.api().playback_device_get_current_status, device_.get());
  if (status != rs::kPlaybackStopped || !spec_.repeat) return;
  close();
  start();
}

void RealsenseCamera::copy(const rs::Picture& picture, Frame& frame) {
  const rs::Library& library = context_->library();
  const rs::Api& api = library.api();
  constexpr std::string_view kDoing = "read a frame";
  const rs::Mode& mode = spec_.stream.mode;
  const auto stride_of = [&](const rs::Frame* it) {
    const auto height = static_cast<std::size_t>(library.call(kDoing, api.get_frame_height, it));
    const auto width = static_cast<std::size_t>(library.call(kDoing, api.get_frame_width, it));
    if (height != mode.height || width != mode.width) throw DeviceError(name() + " changed its frames' size");
    return static_cast<std::size_t>(library.call(kDoing, api.get_frame_stride_in_bytes, it));
  };
  const rs::Frame* color = picture.color.get();
  const PixelRows<std::uint8_t> rgb{static_cast<const std::uint8_t*>(library.call(kDoing, api.get_frame_data, color)),
                                    stride_of(color)};
  frame.height = spec_.height;
  frame.width = spec_.width;
  frame.rgb.resize(spec_.height * spec_.width * 3);
  if (crop_) {
    crop_->colors(rgb, frame.rgb);
  } else {
    copy_rows(rgb.data, rgb.stride, mode.height, mode.width * 3, frame.rgb.data());
  }
  if (!picture.depth) {
    frame.depth.clear();
    return;
  }
  const rs::Frame* depth = picture.depth.get();
  const PixelRows<std::uint16_t> distances{
      static_cast<const std::uint16_t*>(library.call(kDoing, api.get_frame_data, depth)), stride_of(depth) / 2};
  frame.depth.resize(spec_.height * spec_.width);
  if (crop_) {
    crop_->depths(distances, frame.depth);
  } else {
    copy_rows(distances.data, distances.stride, mode.height, mode.width, frame.depth.data());
  }
  frame.depth_unit_m = static_cast<double>(library.call(kDoing, api.depth_frame_get_units, depth));
}

rs::Stamp RealsenseCamera::stamp(const rs::Frame* color) const {
  const rs::Library& library = context_->library();
  const rs::Api& api = library.api();
  constexpr std::string_view kDoing = "read a frame's time";
  rs::Stamp stamp;
  stamp.time_ms = library.call(kDoing, api.get_frame_timestamp, color);
  // A recording's wall clock is that of the day it was made: as foreign as a device's.
  const bool device = !spec_.recording.empty() ||
                      library.call(kDoing, api.get_frame_timestamp_domain, color) == rs::kDomainHardwareClock;
  stamp.clock = device ? rs::Stamp::Clock::device : rs::Stamp::Clock::wall;
  const auto metadata = [&](int which) -> std::optional<long long> {
    if (library.call(kDoing, api.supports_frame_metadata, color, which) == 0) return std::nullopt;
    return library.call(kDoing, api.get_frame_metadata, color, which);
  };
  const auto readout_us = metadata(rs::kMetadataFrameTime);
  const auto exposure_us = metadata(rs::kMetadataSensorTime);
  if (readout_us && exposure_us && *exposure_us <= *readout_us && *readout_us - *exposure_us < 1'000'000) {
    stamp.exposure_lag_ns = (*readout_us - *exposure_us) * 1000;
  }
  return stamp;
}

void RealsenseCamera::close() noexcept {
  const bool was_open = device_ != nullptr;
  streams_.reset();
  device_.reset();
  if (was_open && !spec_.recording.empty()) context_->forget(spec_.recording);
}

}  // namespace retain
