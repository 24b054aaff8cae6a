#include "engine/onnxruntime_engine.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

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

std::string describe(const OnnxRuntimeLibrary& library, const OnnxRuntimeOptions& options) {
  return "ONNX Runtime " + library.version() + ", " + options.provider + ", " + std::to_string(options.threads) +
         (options.threads == 1 ? " thread" : " threads") + (options.optimize ? "" : ", no graph optimizations");
}

}  // namespace

OnnxRuntimeEngine::OnnxRuntimeEngine(const EngineSpec& spec, const std::filesystem::path& library,
                                     const OnnxRuntimeOptions& options)
    : OnnxRuntimeEngine(spec, OnnxRuntimeLibrary::open(library), options) {}

OnnxRuntimeEngine::OnnxRuntimeEngine(const EngineSpec& spec, std::shared_ptr<const OnnxRuntimeLibrary> library,
                                     const OnnxRuntimeOptions& options)
    : info_(retain::describe(spec)), prefix_outputs_(spec.prefix.outputs), prefix_(library, spec.prefix, options) {
  info_.description = describe(*library, options);
  for (const auto& image : info_.images) image_inputs_.push_back(image_input(image.role));
  for (const auto& input : spec.prefix.inputs) prefix_.bind_input(input, buffer(input).bytes);
  for (const auto& output : spec.prefix.outputs) prefix_.bind_output(output, buffer(output).bytes);
  if (spec.step) {
    step_.emplace(library, *spec.step, options);
    // Same name, same memory: the step reads the cache where the prefix wrote it.
    for (const auto& input : spec.step->inputs) step_->bind_input(input, buffer(input).bytes);
    for (const auto& output : spec.step->outputs) step_->bind_output(output, buffer(output).bytes);
  }
  warm_up();
}

void OnnxRuntimeEngine::prefix(const PolicyInput& input) {
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
  prefix_.run();
  has_prefix_ = true;
}

void OnnxRuntimeEngine::step(std::span<const float> x, std::span<const float> t, std::span<float> velocity) {
  if (!step_) throw EngineError("this policy regresses its chunk; it has no flow to step along");
  if (!has_prefix_) throw EngineError("a flow step was asked for before any observation; call prefix first");
  write(kX, std::as_bytes(x));
  write(kT, std::as_bytes(t));
  const auto& computed = buffers_.find(kVelocity)->second;
  if (velocity.size_bytes() != computed.bytes.size()) {
    throw EngineError("the step writes " + to_string(computed.spec) + ", got room for " +
                      std::to_string(velocity.size()) + " elements");
  }
  step_->run();
  std::memcpy(velocity.data(), computed.bytes.data(), computed.bytes.size());
}

std::span<const float> OnnxRuntimeEngine::regressed() const {
  if (step_) return Engine::regressed();
  if (!has_prefix_) throw EngineError("a chunk was asked for before any observation; call prefix first");
  const auto& bytes = buffers_.find(kChunk)->second.bytes;
  // The bytes come from the allocator of std::vector, which aligns for any scalar type.
  return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
}

const TensorSpec& OnnxRuntimeEngine::prefix_output_spec(std::string_view name) const {
  const auto found = std::ranges::find(prefix_outputs_, name, &TensorSpec::name);
  if (found == prefix_outputs_.end()) {
    throw EngineError("the prefix graph has no output '" + std::string(name) + "'");
  }
  return *found;
}

std::span<const std::byte> OnnxRuntimeEngine::prefix_output(std::string_view name) const {
  return buffers_.find(prefix_output_spec(name).name)->second.bytes;
}

OnnxRuntimeEngine::Buffer& OnnxRuntimeEngine::buffer(const TensorSpec& spec) {
  return buffers_.try_emplace(spec.name, Buffer{spec, std::vector<std::byte>(bytes_of(spec))}).first->second;
}

void OnnxRuntimeEngine::write(std::string_view name, std::span<const std::byte> bytes) {
  Buffer& target = buffers_.find(name)->second;
  if (bytes.size() != target.bytes.size()) {
    throw EngineError("the policy takes " + to_string(target.spec) + ", got " +
                      std::to_string(bytes.size() / size_of(target.spec.type)) + " elements");
  }
  std::memcpy(target.bytes.data(), bytes.data(), bytes.size());
}

void OnnxRuntimeEngine::warm_up() {
  // Every token counts as present: an all-masked attention row is NaN, and NaN arithmetic is not the speed to warm up
  // for.
  if (info_.max_tokens != 0) std::ranges::fill(buffers_.find(kTokenMask)->second.bytes, std::byte{1});
  prefix_.run();
  if (step_) step_->run();
}

}  // namespace retain
