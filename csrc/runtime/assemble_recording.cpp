#include "runtime/assemble_recording.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <string>

namespace retain {

namespace {

// The recorder may hang on a slow disk for this long before anything is lost.
constexpr double kRing_s = 2.0;
constexpr std::size_t kMaxRingBytes = 64U << 20;
constexpr std::size_t kMaxBlackBoxBytes = 256U << 20;
constexpr std::size_t kTickOverheadBytes = 128;
constexpr std::size_t kObservationOverheadBytes = 1024;

std::string json_string(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string json_number(double value) {
  if (!std::isfinite(value)) return "null";
  // The shortest text that reads back as the same number.
  std::array<char, 32> text{};
  const std::to_chars_result written = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), written.ptr};
}

template <typename T>
std::string json_list(const std::vector<T>& items, const std::function<std::string(const T&)>& each) {
  std::string list = "[";
  for (const T& item : items) list += (list.size() > 1 ? ", " : "") + each(item);
  return list + "]";
}

std::string json_numbers(const std::vector<ChannelLimits>& limits, double ChannelLimits::* member) {
  return json_list<ChannelLimits>(limits, [member](const ChannelLimits& l) { return json_number(l.*member); });
}

std::map<std::string, std::string> facts(const LoopConfig& config, const std::vector<RobotChannel>& channels,
                                         const std::vector<ChannelLimits>& limits) {
  std::vector<std::string> states;
  for (const State s : {State::disarmed, State::armed, State::running, State::stopping, State::hold, State::fault}) {
    states.emplace_back(to_string(s));
  }
  std::vector<std::string> reactions;
  for (const Reaction r : {Reaction::none, Reaction::hold, Reaction::ramp, Reaction::drop}) {
    reactions.emplace_back(to_string(r));
  }
  return {{"channels", json_list<RobotChannel>(channels, [](const auto& c) { return json_string(c.name); })},
          {"units", json_list<RobotChannel>(channels, [](const auto& c) { return json_string(c.unit); })},
          {"interpolation", json_list<ChannelLimits>(limits,
                                                     [](const auto& l) {
                                                       return std::string(l.interpolation == Interpolation::linear
                                                                              ? "\"linear\""
                                                                              : "\"hold\"");
                                                     })},
          {"position_min", json_numbers(limits, &ChannelLimits::position_min)},
          {"position_max", json_numbers(limits, &ChannelLimits::position_max)},
          {"velocity", json_numbers(limits, &ChannelLimits::velocity)},
          {"acceleration", json_numbers(limits, &ChannelLimits::acceleration)},
          {"jerk", json_numbers(limits, &ChannelLimits::jerk)},
          {"action", json_list<ActionChannel>(config.action, [](const auto& c) { return json_string(c.name); })},
          {"state", json_list<StateChannel>(config.state, [](const auto& c) { return json_string(c.name); })},
          {"states", json_list<std::string>(states, json_string)},
          {"reactions", json_list<std::string>(reactions, json_string)},
          {"rate_hz", json_number(config.rate_hz)},
          {"dt_s", json_number(config.dt_s)},
          {"execute_rows", std::to_string(config.execute_rows)},
          {"flow_steps", std::to_string(config.flow_steps)},
          {"seed", std::to_string(config.seed)}};
}

std::size_t slots(double per_s, std::size_t bytes_each) {
  const auto wanted = static_cast<std::size_t>(std::ceil(kRing_s * per_s)) + 4;
  return std::clamp<std::size_t>(kMaxRingBytes / std::max<std::size_t>(bytes_each, 1), 2, wanted);
}

}  // namespace

std::unique_ptr<FlightTape> assemble_recording(const LoopConfig& config, const EngineInfo& info,
                                               const std::vector<RobotChannel>& channels,
                                               const std::vector<ChannelLimits>& limits) {
  RecordingConfig recording = config.recording;
  if (recording.mode == RecordMode::off) return nullptr;
  recording.metadata.merge(facts(config, channels, limits));

  std::vector<RecordedCamera> cameras;
  std::vector<std::size_t> image_bytes;
  std::size_t observation_bytes = kObservationOverheadBytes + 2 * info.horizon * info.action_dim * sizeof(float) +
                                  2 * info.horizon * channels.size() * sizeof(double);
  for (const ImageSpec& image : info.images) {
    cameras.push_back({image.role, image.height, image.width});
    image_bytes.push_back(image.height * image.width * 3);
    observation_bytes += image_bytes.back() + kObservationOverheadBytes;
  }
  const double rows_per_s = 1.0 / config.dt_s;
  const std::size_t tick_bytes = kTickOverheadBytes + 4 * channels.size() * sizeof(double);
  // The schedule asks once per `execute_rows`; a rejected answer is asked for again at once, hence twice that.
  const double observations_per_s =
      2.0 * rows_per_s / static_cast<double>(std::max<std::size_t>(config.execute_rows, 1));
  const double bytes_per_s = 1.1 * config.rate_hz * static_cast<double>(tick_bytes) +
                             observations_per_s * static_cast<double>(observation_bytes);
  const auto black_box_bytes = static_cast<std::size_t>(
      std::min(recording.black_box_s * bytes_per_s + 8.0 * static_cast<double>(observation_bytes),
               static_cast<double>(kMaxBlackBoxBytes)));

  const bool all = recording.mode == RecordMode::all;
  auto writer = std::make_unique<FlightWriter>(std::move(recording), std::move(cameras), channels.size(),
                                               all ? 0 : black_box_bytes);
  const ObservationRecord prototype(image_bytes, info.state_dim, info.horizon, info.action_dim, channels.size());
  auto tape = std::make_unique<FlightTape>(slots(observations_per_s, observation_bytes), prototype, std::move(writer));
  for (std::size_t i = 0; i < info.images.size(); ++i) {
    Frame frame;
    frame.rgb.resize(image_bytes[i]);
    // The black box is for looking back at a fault, and for that the pictures that the policy saw are enough.
    tape->taps.push_back(
        std::make_unique<CameraTap>(all ? slots(rows_per_s, image_bytes[i]) : 0, to_ns(config.dt_s), frame));
  }
  return tape;
}

}  // namespace retain
