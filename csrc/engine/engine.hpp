// The interface between the control loop and whatever computes the policy: one prefix per observation, then flow steps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor_spec.hpp"

namespace retain {

/// One exported graph: where it lies and what the manifest says about its inputs and outputs.
struct GraphSpec {
  std::filesystem::path file;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
};

/// A policy as two graphs. A step input other than `x` and `t` carries the name of a prefix output (the key/value
/// cache) or of a prefix input (the state, read again); the engine hands it over without a copy. A policy that
/// regresses its chunk (ACT) has no step: its prefix has the output `chunk`.
struct EngineSpec {
  GraphSpec prefix;
  std::optional<GraphSpec> step;
};

/// One camera frame as the prefix takes it: uint8, height × width × 3, RGB, row-major.
struct ImageSpec {
  std::string role;  ///< "front" for the graph input `image.front`
  std::size_t height = 0;
  std::size_t width = 0;

  bool operator==(const ImageSpec&) const = default;
};

/// What a caller needs to know to feed an engine. Sizes are element counts.
struct EngineInfo {
  std::string description;  ///< who computes, as in "ONNX Runtime 1.32.0, cpu, 1 thread"
  std::vector<ImageSpec> images;
  std::size_t max_tokens = 0;  ///< 0: the policy takes no instruction
  std::size_t state_dim = 0;
  std::size_t horizon = 0;     ///< rows of a chunk, H
  std::size_t action_dim = 0;  ///< columns of a row, W: the policy's channels, then padding that the robot never sees
  bool regresses = false;      ///< the prefix computes the chunk; there is no flow and no step
};

/// One observation in the graph's order and units.
struct PolicyInput {
  std::vector<std::span<const std::uint8_t>> images;  ///< in EngineInfo::images' order, each height·width·3 bytes
  std::span<const std::int64_t> tokens;               ///< [max_tokens]
  std::span<const std::uint8_t> token_mask;           ///< [max_tokens], 1 where a token stands
  std::span<const float> state;                       ///< [state_dim], normalized
};

/// Computes a policy. Belongs to one thread (the infer thread) and may take milliseconds, allocate and throw there.
class Engine {
 public:
  Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  virtual ~Engine() = default;

  [[nodiscard]] virtual const EngineInfo& info() const noexcept = 0;

  /// Encodes one observation; the key/value cache stays inside the engine until the next call.
  /// @throw EngineError if a span has the wrong size or the backend fails.
  virtual void prefix(const PolicyInput& input) = 0;

  /// The velocity field v(x, t | observation) of the last prefix. Flow: x_t = (1 − t)·noise + t·action, v = action −
  /// noise.
  /// @param x [horizon · action_dim] normalized, row-major
  /// @param t [horizon] flow time of each row, 0 (noise) to 1 (action)
  /// @param velocity [horizon · action_dim], written
  /// @throw EngineError before the first prefix, if a span has the wrong size, or if the backend fails.
  virtual void step(std::span<const float> x, std::span<const float> t, std::span<float> velocity) = 0;

  /// What the last prefix said, where info().regresses: [horizon · action_dim] normalized, valid until the next prefix.
  /// @throw EngineError where the policy has a flow, or before the first prefix.
  [[nodiscard]] virtual std::span<const float> regressed() const;
};

/// The graph input of a camera role: "image.front" for "front".
std::string image_input(std::string_view role);

/// Reads the sizes off the two graphs and checks that they fit each other.
/// @throw EngineError if they are not a prefix and a step in the sense of EngineSpec; the sentence names the tensor.
EngineInfo describe(const EngineSpec& spec);

}  // namespace retain
