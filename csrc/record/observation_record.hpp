// What the infer thread tells the recorder, once per answer of the policy: all that is needed to compute it again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "robot/robot.hpp"
#include "runtime/chunk.hpp"
#include "runtime/clock.hpp"
#include "runtime/splice.hpp"

namespace retain {

/// What became of an answer.
enum class Outcome : std::uint8_t {
  published,
  rejected,  ///< by admission; `planned` is then unspecified
  expired,   ///< it came after its last row was due
};

/// One picture as the policy saw it.
struct SeenImage {
  Nanoseconds sensor_time_ns = 0;
  std::uint64_t number = 0;
  std::vector<std::uint8_t> rgb;  ///< [height · width · 3]
};

/// One request with its answer. Built once with all the storage it needs; filling it again allocates nothing.
struct ObservationRecord {
  ObservationRecord() = default;

  /// @param image_bytes of each camera, in the engine's order
  /// @param state_channels S
  /// @param horizon H
  /// @param action_channels A, the policy's
  /// @param robot_channels C
  ObservationRecord(const std::vector<std::size_t>& image_bytes, std::size_t state_channels, std::size_t horizon,
                    std::size_t action_channels, std::size_t robot_channels)
      : images(image_bytes.size()),
        state(state_channels),
        left_over(horizon * action_channels),
        answer(horizon * action_channels),
        chunk(horizon, robot_channels) {
    for (std::size_t i = 0; i < images.size(); ++i) images[i].rgb.resize(image_bytes[i]);
  }

  Nanoseconds asked_ns = 0;     ///< when the request began
  Nanoseconds answered_ns = 0;  ///< when the answer was judged
  std::vector<SeenImage> images;
  std::vector<float> state;  ///< [S] normalized, as the policy saw it
  ChannelValues measured{};  ///< at the observation: what deltas are anchored to
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;  ///< (seed, stream) name the noise (runtime/noise.hpp)
  std::uint32_t flow_steps = 0;
  const char* strategy = "";           ///< a literal: "sync", "async", …
  std::uint32_t execute_rows = 0;      ///< s
  Splice splice = Splice::none;        ///< what the flow did about the running chunk, with the next five
  std::uint32_t committed_rows = 0;    ///< d
  std::uint32_t overlap_end = 0;       ///< e
  float guidance_limit = 0.0F;         ///< β
  std::uint32_t left_over_values = 0;  ///< how much of `left_over` is meant: all of it, or nothing
  std::vector<float> left_over;        ///< [H · A] normalized: the rest of the running chunk
  std::vector<float> answer;           ///< [H · A] normalized
  Outcome outcome = Outcome::published;
  Chunk chunk;  ///< the answer in robot units, before and after admission, with its times
};

}  // namespace retain
