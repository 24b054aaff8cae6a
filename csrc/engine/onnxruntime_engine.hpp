// The engine on ONNX Runtime: two sessions over one set of buffers that are allocated and bound once.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/graph_engine.hpp"
#include "engine/onnxruntime_session.hpp"

namespace retain {

/// Runs a bundle's graphs in ONNX Runtime. The prefix writes its outputs where the step reads them; with a GPU provider
/// ONNX Runtime moves them through that same host memory.
class OnnxRuntimeEngine : public GraphEngine {
 public:
  /// Opens both graphs and runs each once, so that the first inference on the robot is not the slow one.
  /// @param library path of libonnxruntime.so
  /// @throw EngineError if the library, a graph or the provider does not fit.
  OnnxRuntimeEngine(const EngineSpec& spec, const std::filesystem::path& library, const OnnxRuntimeOptions& options);

  [[nodiscard]] std::span<const std::byte> prefix_output(std::string_view name) const override;

 private:
  OnnxRuntimeEngine(const EngineSpec& spec, std::shared_ptr<const OnnxRuntimeLibrary> library,
                    const OnnxRuntimeOptions& options);

  std::vector<std::byte>& buffer(const TensorSpec& spec);
  void run_prefix() override { prefix_.run(); }
  void run_step() override { step_->run(); }

  // Zeroed memory of each input and output, by tensor name, shared by both graphs; an address never changes.
  std::map<std::string, std::vector<std::byte>, std::less<>> buffers_;
  OnnxRuntimeSession prefix_;
  std::optional<OnnxRuntimeSession> step_;
};

}  // namespace retain
