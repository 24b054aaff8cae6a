#include "record/flight_writer.hpp"

#include <exception>
#include <filesystem>

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
    : config_(std::move(config)), cameras_(std::move(cameras)), channels_(channels) {
  if (config_.mode == RecordMode::fault) {
    black_box_.emplace(to_ns(config_.black_box_s), black_box_bytes);
  } else {
    file_.emplace(topics(roles_of(cameras_)));
    (void)open(*file_, config_.path);
  }
}

bool FlightWriter::open(McapFile& file, const std::string& path) {
  if (!file.open(path)) {
    fail(file.error());
    return false;
  }
  report_.path = path;
  file.metadata("retain.run", config_.metadata);
  if (!file.error().empty()) fail(file.error());
  return true;
}

void FlightWriter::close(McapFile& file, const std::map<std::string, std::string>& end) {
  if (file.error().empty()) file.metadata("retain.end", end);
  file.close();
  if (!file.error().empty()) fail(file.error());
  report_.bytes += file.bytes();
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
  try {
    write_to(*file_, message);
  } catch (const std::exception& error) {
    fail(error.what());
  }
}

void FlightWriter::write_to(McapFile& file, const Message& message) {
  if (!report_.error.empty()) {
    ++report_.lost_messages;
    return;
  }
  file.write(message);
  ++report_.messages;
  if (!file.error().empty()) fail(file.error());
}

void FlightWriter::save_black_box(const std::map<std::string, std::string>& end) noexcept {
  if (!black_box_) return;
  try {
    McapFile file(topics(roles_of(cameras_)));
    ++saved_;
    if (!open(file, next_path())) return;
    black_box_->for_each([&](const Message& message) { write_to(file, message); });
    close(file, end);
  } catch (const std::exception& error) {
    fail(error.what());
  }
}

std::string FlightWriter::next_path() const {
  if (saved_ <= 1) return config_.path;
  const std::filesystem::path path(config_.path);
  const std::string name = path.stem().string() + "-" + std::to_string(saved_) + path.extension().string();
  return (path.parent_path() / name).string();
}

void FlightWriter::finish(const std::map<std::string, std::string>& end) noexcept {
  if (black_box_) report_.crowded_out = black_box_->crowded_out();
  if (!file_) return;
  try {
    close(*file_, end);
  } catch (const std::exception& error) {
    fail(error.what());
  }
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
