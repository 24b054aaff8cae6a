// The engine on ONNX Runtime: two sessions over one set of buffers that are allocated and bound once.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.hpp"
#include "engine/onnxruntime_session.hpp"

namespace retain {

/// Runs a bundle's graphs in ONNX Runtime. The prefix writes its outputs where the step reads them; with a GPU provider
/// ONNX Runtime moves them through that same host memory.
class OnnxRuntimeEngine : public Engine {
 public:
  /// Opens both graphs and runs each once, so that the first inference on the robot is not the slow one.
  /// @param library path of libonnxruntime.so
  /// @throw EngineError if the library, a graph or the provider does not fit.
  OnnxRuntimeEngine(const EngineSpec& spec, const std::filesystem::path& library, const OnnxRuntimeOptions& options);

  [[nodiscard]] const EngineInfo& info() const noexcept override { return info_; }
  void prefix(const PolicyInput& input) override;
  void step(std::span<const float> x, std::span<const float> t, std::span<float> velocity) override;
  [[nodiscard]] std::span<const float> regressed() const override;

  /// What the last prefix computed, for checks against golden outputs.
  /// @throw EngineError if the prefix has no such output.
  [[nodiscard]] std::span<const std::byte> prefix_output(std::string_view name) const;

  /// The specification of that output.
  [[nodiscard]] const TensorSpec& prefix_output_spec(std::string_view name) const;

 private:
  OnnxRuntimeEngine(const EngineSpec& spec, std::shared_ptr<const OnnxRuntimeLibrary> library,
                    const OnnxRuntimeOptions& options);

  /// Zeroed memory of one graph input or output; its address never changes.
  struct Buffer {
    TensorSpec spec;
    std::vector<std::byte> bytes;
  };

  Buffer& buffer(const TensorSpec& spec);
  void write(std::string_view name, std::span<const std::byte> bytes);
  void warm_up();

  EngineInfo info_;
  std::vector<TensorSpec> prefix_outputs_;
  std::vector<std::string> image_inputs_;               // in EngineInfo::images' order
  std::map<std::string, Buffer, std::less<>> buffers_;  // by tensor name, shared by both graphs
  OnnxRuntimeSession prefix_;
  std::optional<OnnxRuntimeSession> step_;
  bool has_prefix_ = false;
};

}  // namespace retain
