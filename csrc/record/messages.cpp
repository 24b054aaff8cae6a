#include "record/messages.hpp"

namespace retain {

namespace {

constexpr std::string_view kTickDefinition = R"(# One tick of the control loop, in the robot's order and units.
builtin_interfaces/Time stamp
float64 lateness_s
uint64 chunk
uint32 row
uint8 state
uint8 reaction
float64[] measured
float64[] policy
float64[] planned
float64[] sent
)";

constexpr std::string_view kObservationDefinition = R"(# What a chunk was computed from; the pictures have topics.
builtin_interfaces/Time stamp
builtin_interfaces/Time asked
builtin_interfaces/Time answered
uint64 chunk
uint64 seed
uint64 stream
uint32 flow_steps
uint32 execute_rows
uint32 committed_rows
uint32 overlap_end
float32 guidance_limit
string splice
string strategy
uint64[] frame_numbers
float64[] measured
float32[] state
float32[] answer
float32[] left_over
)";

constexpr std::string_view kChunkDefinition = R"(# A chunk in robot units: row k is due at start + (k + 1) * dt.
builtin_interfaces/Time stamp
builtin_interfaces/Time start
builtin_interfaces/Time answered
float64 dt_s
uint64 id
uint32 rows
uint32 playable_rows
uint32 channels
string outcome
float64[] origin
float64[] policy
float64[] planned
)";

constexpr std::string_view kEventDefinition = R"(byte DEBUG=10
byte INFO=20
byte WARN=30
byte ERROR=40
byte FATAL=50
builtin_interfaces/Time stamp
uint8 level
string name
string msg
string file
string function
uint32 line
)";

constexpr std::string_view kImageDefinition = R"(std_msgs/Header header
uint32 height
uint32 width
string encoding
uint8 is_bigendian
uint32 step
uint8[] data
================================================================================
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
)";

constexpr std::uint8_t kInfo = 20;
constexpr std::uint8_t kErrorLevel = 40;

std::span<const double> first(const ChannelValues& values, std::size_t channels) noexcept {
  return {values.data(), channels};
}

}  // namespace

std::vector<Topic> topics(const std::vector<std::string>& roles) {
  std::vector<Topic> all{{"/tick", "retain_msgs/msg/Tick", kTickDefinition},
                         {"/event", "rcl_interfaces/msg/Log", kEventDefinition},
                         {"/observation", "retain_msgs/msg/Observation", kObservationDefinition},
                         {"/chunk", "retain_msgs/msg/Chunk", kChunkDefinition}};
  for (const std::string& role : roles) {
    all.push_back({"/observation/" + role, "sensor_msgs/msg/Image", kImageDefinition});
    all.push_back({"/camera/" + role, "sensor_msgs/msg/Image", kImageDefinition});
  }
  return all;
}

void encode_tick(const TickRecord& record, std::size_t channels, CdrWriter& out) {
  out.begin();
  out.time(record.time_ns);
  out.value(to_s(record.lateness_ns));
  out.value(record.chunk);
  out.value(record.row);
  out.value(static_cast<std::uint8_t>(record.state));
  out.value(static_cast<std::uint8_t>(record.reaction));
  out.sequence(first(record.measured, channels));
  out.sequence(first(record.policy, channels));
  out.sequence(first(record.planned, channels));
  out.sequence(first(record.sent, channels));
}

void encode_observation(const ObservationRecord& record, std::size_t channels, CdrWriter& out) {
  out.begin();
  out.time(record.chunk.observed_ns);
  out.time(record.asked_ns);
  out.time(record.answered_ns);
  out.value(record.chunk.id);
  out.value(record.seed);
  out.value(record.stream);
  out.value(record.flow_steps);
  out.value(record.execute_rows);
  out.value(record.committed_rows);
  out.value(record.overlap_end);
  out.value(record.guidance_limit);
  out.text(to_string(record.splice));
  out.text(record.strategy);
  out.value(static_cast<std::uint32_t>(record.images.size()));
  for (const SeenImage& image : record.images) out.value(image.number);
  out.sequence(first(record.measured, channels));
  out.sequence(std::span<const float>(record.state));
  out.sequence(std::span<const float>(record.answer));
  out.sequence(std::span<const float>(record.left_over).first(record.left_over_values));
}

void encode_chunk(const ObservationRecord& record, CdrWriter& out) {
  const Chunk& chunk = record.chunk;
  out.begin();
  out.time(chunk.observed_ns);
  out.time(chunk.start_ns);
  out.time(record.answered_ns);
  out.value(to_s(chunk.dt_ns));
  out.value(chunk.id);
  out.value(static_cast<std::uint32_t>(chunk.rows));
  out.value(static_cast<std::uint32_t>(chunk.playable_rows));
  out.value(static_cast<std::uint32_t>(chunk.channels));
  out.text(to_string(record.outcome));
  out.sequence(first(chunk.origin, chunk.channels));
  out.sequence(std::span<const double>(chunk.policy));
  out.sequence(std::span<const double>(chunk.planned));
}

void encode_event(Nanoseconds time_ns, bool fault, std::string_view text, CdrWriter& out) {
  out.begin();
  out.time(time_ns);
  out.value(fault ? kErrorLevel : kInfo);
  out.text("retain");
  out.text(text);
  out.text("");
  out.text("");
  out.value(std::uint32_t{0});
}

void encode_image(const ImageView& image, CdrWriter& out) {
  out.begin();
  out.time(image.sensor_time_ns);
  out.text(image.role);
  out.value(static_cast<std::uint32_t>(image.height));
  out.value(static_cast<std::uint32_t>(image.width));
  out.text("rgb8");
  out.value(std::uint8_t{0});
  out.value(static_cast<std::uint32_t>(3 * image.width));
  out.sequence(image.rgb);
}

const char* to_string(Splice splice) noexcept {
  switch (splice) {
    case Splice::none:
      return "none";
    case Splice::guided:
      return "guided";
    case Splice::prefix:
      return "prefix";
  }
  return "?";
}

const char* to_string(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::published:
      return "published";
    case Outcome::rejected:
      return "rejected";
    case Outcome::expired:
      return "expired";
  }
  return "?";
}

}  // namespace retain
