// What a flight's file holds: its topics, their schemas as ROS 2 message definitions, and how records become messages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "camera/camera.hpp"
#include "record/cdr.hpp"
#include "record/observation_record.hpp"
#include "record/tick_record.hpp"

namespace retain {

struct Topic {
  std::string name;    ///< "/tick"
  std::string schema;  ///< "retain_msgs/msg/Tick"
  std::string_view definition;
};

/// Fixed topics, then two per camera: the pictures that the policy saw, and those taken for a data set.
enum TopicIndex : std::uint16_t { kTick, kEvent, kObservation, kChunk, kFirstCamera };

[[nodiscard]] constexpr std::uint16_t seen_topic(std::size_t camera) noexcept {
  return static_cast<std::uint16_t>(kFirstCamera + 2 * camera);
}
[[nodiscard]] constexpr std::uint16_t camera_topic(std::size_t camera) noexcept {
  return static_cast<std::uint16_t>(kFirstCamera + 2 * camera + 1);
}

/// @param roles of the cameras, in the engine's order
[[nodiscard]] std::vector<Topic> topics(const std::vector<std::string>& roles);

/// @param channels how many of the record's values the robot has
void encode_tick(const TickRecord& record, std::size_t channels, CdrWriter& out);

void encode_observation(const ObservationRecord& record, std::size_t channels, CdrWriter& out);
void encode_chunk(const ObservationRecord& record, CdrWriter& out);

/// @param fault whether it is told as an error
void encode_event(Nanoseconds time_ns, bool fault, std::string_view text, CdrWriter& out);

/// A picture, RGB, row-major.
struct ImageView {
  std::string_view role;
  Nanoseconds sensor_time_ns = 0;
  std::size_t height = 0;
  std::size_t width = 0;
  std::span<const std::uint8_t> rgb;
};

void encode_image(const ImageView& image, CdrWriter& out);

[[nodiscard]] const char* to_string(Splice splice) noexcept;
[[nodiscard]] const char* to_string(Outcome outcome) noexcept;

}  // namespace retain
