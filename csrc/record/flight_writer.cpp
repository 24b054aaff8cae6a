#include "record/flight_writer.hpp"

#include <algorithm>
#include <exception>

namespace retain {

namespace {

std::vector<std::string> roles_of(const std::vector<RecordedCamera>& cameras) {
  std::vector<std::string> roles;
  for (const RecordedCamera& camera : cameras) roles.push_back(camera.role);
  return roles;
}

}  // namespace

FlightWriter::FlightWriter(RecordingConfig config, std::vector<RecordedCamera> cameras, std::size_t channels,
                           std::size_t black_box_bytes)
    : config_(std::move(config)), cameras_(std::move(cameras)), channels_(channels), file_(topics(roles_of(cameras_))) {
  if (config_.mode == RecordMode::fault) {
    black_box_.emplace(to_ns(config_.black_box_s), black_box_bytes);
  } else {
    open();
  }
}

void FlightWriter::open() {
  if (!file_.open(config_.path)) return fail(file_.error());
  report_.path = config_.path;
  file_.metadata("retain.run", config_.metadata);
  if (!file_.error().empty()) fail(file_.error());
}

void FlightWriter::write(const TickRecord& record) noexcept {
  try {
    encode_tick(record, channels_, message_);
    put(kTick, static_cast<std::uint32_t>(record.chunk), record.time_ns, record.time_ns);
  } catch (const std::exception& error) {
    fail(error.what());
  }
}

void FlightWriter::write(const ObservationRecord& record) noexcept {
  try {
    const auto sequence = static_cast<std::uint32_t>(record.chunk.id);
    for (std::size_t i = 0; i < cameras_.size(); ++i) {
      const SeenImage& image = record.images[i];
      encode_image({cameras_[i].role, image.sensor_time_ns, cameras_[i].height, cameras_[i].width, image.rgb},
                   message_);
      put(seen_topic(i), sequence, record.answered_ns, image.sensor_time_ns);
    }
    encode_observation(record, channels_, message_);
    put(kObservation, sequence, record.answered_ns, record.chunk.observed_ns);
    encode_chunk(record, message_);
    put(kChunk, sequence, record.answered_ns, record.answered_ns);
  } catch (const std::exception& error) {
    fail(error.what());
  }
}

void FlightWriter::write_frame(std::size_t camera, const Frame& frame) noexcept {
  try {
    encode_image({cameras_[camera].role, frame.sensor_time_ns, frame.height, frame.width, frame.rgb}, message_);
    put(camera_topic(camera), static_cast<std::uint32_t>(frame.number), frame.sensor_time_ns, frame.sensor_time_ns);
  } catch (const std::exception& error) {
    fail(error.what());
  }
}

void FlightWriter::write_event(Nanoseconds time_ns, bool fault, std::string_view text) noexcept {
  try {
    encode_event(time_ns, fault, text, message_);
    put(kEvent, 0, time_ns, time_ns);
  } catch (const std::exception& error) {
    fail(error.what());
  }
}

void FlightWriter::put(std::uint16_t topic, std::uint32_t sequence, Nanoseconds log_ns,
                       Nanoseconds publish_ns) noexcept {
  const Message message{
      .topic = topic, .sequence = sequence, .log_ns = log_ns, .publish_ns = publish_ns, .data = message_.bytes()};
  if (black_box_) return black_box_->push(message);
  if (!report_.error.empty()) {
    ++report_.lost_messages;
    return;
  }
  try {
    file_.write(message);
    ++report_.messages;
    if (!file_.error().empty()) fail(file_.error());
  } catch (const std::exception& error) {
    fail(error.what());
  }
}

void FlightWriter::finish(bool save, const std::map<std::string, std::string>& end) noexcept {
  try {
    if (black_box_) {
      report_.crowded_out = black_box_->crowded_out();
      if (!save) return;
      open();
      black_box_->for_each([this](const Message& message) {
        if (!report_.error.empty()) {
          ++report_.lost_messages;
          return;
        }
        file_.write(message);
        ++report_.messages;
        if (!file_.error().empty()) fail(file_.error());
      });
    }
    if (report_.error.empty()) file_.metadata("retain.end", end);
    file_.close();
    if (!file_.error().empty()) fail(file_.error());
  } catch (const std::exception& error) {
    fail(error.what());
  }
  report_.bytes = file_.bytes();
}

void FlightWriter::fail(std::string_view why) noexcept {
  if (!report_.error.empty()) return;
  try {
    report_.error = why.empty() ? std::string_view("unknown") : why;
  } catch (...) {
    report_.error = "no memory";
  }
}

}  // namespace retain
