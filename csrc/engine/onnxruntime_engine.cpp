#include "engine/onnxruntime_engine.hpp"

namespace retain {
namespace {

std::string description_of(const OnnxRuntimeLibrary& library, const OnnxRuntimeOptions& options) {
  return "ONNX Runtime " + library.version() + ", " + options.provider + ", " + std::to_string(options.threads) +
         (options.threads == 1 ? " thread" : " threads") + (options.optimize ? "" : ", no graph optimizations");
}

}  // namespace

OnnxRuntimeEngine::OnnxRuntimeEngine(const EngineSpec& spec, const std::filesystem::path& library,
                                     const OnnxRuntimeOptions& options)
    : OnnxRuntimeEngine(spec, OnnxRuntimeLibrary::open(library), options) {}

OnnxRuntimeEngine::OnnxRuntimeEngine(const EngineSpec& spec, std::shared_ptr<const OnnxRuntimeLibrary> library,
                                     const OnnxRuntimeOptions& options)
    : GraphEngine(spec), prefix_(library, spec.prefix, options) {
  describe_as(description_of(*library, options));
  for (const auto& input : spec.prefix.inputs) prefix_.bind_input(input, buffer(input));
  for (const auto& output : spec.prefix.outputs) prefix_.bind_output(output, buffer(output));
  if (spec.step) {
    step_.emplace(library, *spec.step, options);
    // Same name, same memory: the step reads the cache where the prefix wrote it.
    for (const auto& input : spec.step->inputs) step_->bind_input(input, buffer(input));
    for (const auto& output : spec.step->outputs) step_->bind_output(output, buffer(output));
  }
  show_all_tokens();
  prefix_.run();  // the warm-up
  if (step_) step_->run();
}

std::span<const std::byte> OnnxRuntimeEngine::prefix_output(std::string_view name) const {
  return buffers_.find(prefix_output_spec(name).name)->second;
}

std::vector<std::byte>& OnnxRuntimeEngine::buffer(const TensorSpec& spec) {
  const auto [place, made] = buffers_.try_emplace(spec.name, bytes_of(spec));
  // The allocator of std::vector aligns for any scalar type.
  if (made) exchange(spec, place->second);
  return place->second;
}

}  // namespace retain
