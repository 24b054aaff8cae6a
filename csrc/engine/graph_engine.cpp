#include "engine/graph_engine.hpp"

#include <algorithm>
#include <cstring>

#include "error.hpp"

namespace retain {
namespace {

constexpr std::string_view kTokens = "tokens";
constexpr std::string_view kTokenMask = "token_mask";
constexpr std::string_view kState = "state";
constexpr std::string_view kX = "x";
constexpr std::string_view kT = "t";
constexpr std::string_view kVelocity = "velocity";
constexpr std::string_view kChunk = "chunk";

}  // namespace

GraphEngine::GraphEngine(const EngineSpec& spec) : info_(retain::describe(spec)), prefix_outputs_(spec.prefix.outputs) {
  for (const auto& image : info_.images) image_inputs_.push_back(image_input(image.role));
}

void GraphEngine::exchange(const TensorSpec& spec, std::span<std::byte> memory) {
  exchanged_.try_emplace(spec.name, HostTensor{spec, memory});
}

void GraphEngine::show_all_tokens() {
  if (info_.max_tokens != 0) std::ranges::fill(at(kTokenMask).bytes, std::byte{1});
}

void GraphEngine::prefix(const PolicyInput& input) {
  if (input.images.size() != image_inputs_.size()) {
    throw EngineError("the policy takes " + std::to_string(image_inputs_.size()) + " camera images, got " +
                      std::to_string(input.images.size()));
  }
  has_prefix_ = false;
  for (std::size_t camera = 0; camera < image_inputs_.size(); ++camera) {
    write(image_inputs_[camera], std::as_bytes(input.images[camera]));
  }
  if (info_.max_tokens != 0) {
    write(kTokens, std::as_bytes(input.tokens));
    write(kTokenMask, std::as_bytes(input.token_mask));
  }
  write(kState, std::as_bytes(input.state));
  run_prefix();
  has_prefix_ = true;
}

void GraphEngine::step(std::span<const float> x, std::span<const float> t, std::span<float> velocity) {
  if (info_.regresses) throw EngineError("this policy regresses its chunk; it has no flow to step along");
  if (!has_prefix_) throw EngineError("a flow step was asked for before any observation; call prefix first");
  write(kX, std::as_bytes(x));
  write(kT, std::as_bytes(t));
  const auto& computed = at(kVelocity);
  if (velocity.size_bytes() != computed.bytes.size()) {
    throw EngineError("the step writes " + to_string(computed.spec) + ", got room for " +
                      std::to_string(velocity.size()) + " elements");
  }
  run_step();
  std::memcpy(velocity.data(), computed.bytes.data(), computed.bytes.size());
}

std::span<const float> GraphEngine::regressed() const {
  if (!info_.regresses) return Engine::regressed();
  if (!has_prefix_) throw EngineError("a chunk was asked for before any observation; call prefix first");
  const auto bytes = at(kChunk).bytes;
  return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
}

const TensorSpec& GraphEngine::prefix_output_spec(std::string_view name) const {
  const auto found = std::ranges::find(prefix_outputs_, name, &TensorSpec::name);
  if (found == prefix_outputs_.end()) {
    throw EngineError("the prefix graph has no output '" + std::string(name) + "'");
  }
  return *found;
}

void GraphEngine::write(std::string_view name, std::span<const std::byte> bytes) {
  const HostTensor& target = at(name);
  if (bytes.size() != target.bytes.size()) {
    throw EngineError("the policy takes " + to_string(target.spec) + ", got " +
                      std::to_string(bytes.size() / size_of(target.spec.type)) + " elements");
  }
  std::memcpy(target.bytes.data(), bytes.data(), bytes.size());
}

}  // namespace retain
