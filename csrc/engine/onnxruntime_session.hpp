// One graph opened in ONNX Runtime, checked against its specification, with its inputs and outputs bound to our memory.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.hpp"
#include "engine/onnxruntime_library.hpp"

namespace retain {

/// How ONNX Runtime computes.
struct OnnxRuntimeOptions {
  /// Threads inside an operator. More than one pays only on idle cores; the control loop's threads want theirs.
  int threads = 1;
  /// "cpu", "cuda" or "tensorrt" as built into the library, or any other provider by ONNX Runtime's own name.
  std::string provider = "cpu";
  /// The provider's options by their documented names, as in {"trt_engine_cache_enable", "1"}.
  std::vector<std::pair<std::string, std::string>> provider_options;
  /// False runs the graph node by node as it was exported: slow, and as independent of the fused kernels as one library
  /// can be.
  bool optimize = true;
};

/// A session and its IoBinding. Bind every input and output once, then run as often as needed.
class OnnxRuntimeSession {
 public:
  /// @throw EngineError if the file cannot be opened or its inputs and outputs are not those of `graph`.
  OnnxRuntimeSession(std::shared_ptr<const OnnxRuntimeLibrary> library, const GraphSpec& graph,
                     const OnnxRuntimeOptions& options);

  /// Reads the input from `memory` at every run; `memory` must outlive the session and have the size of `spec`.
  void bind_input(const TensorSpec& spec, std::span<std::byte> memory);

  /// Writes the output to `memory` at every run.
  void bind_output(const TensorSpec& spec, std::span<std::byte> memory);

  /// @throw EngineError with ONNX Runtime's message.
  void run();

 private:
  ort::Value* tensor(const TensorSpec& spec, std::span<std::byte> memory);
  void check_signature(const GraphSpec& graph) const;

  std::shared_ptr<const OnnxRuntimeLibrary> library_;
  std::string name_;
  // Released in reverse: values and binding before the session they belong to.
  OrtHandle<ort::Session> session_;
  OrtHandle<ort::IoBinding> binding_;
  OrtHandle<ort::RunOptions> run_options_;
  OrtHandle<ort::MemoryInfo> cpu_memory_;
  std::vector<OrtHandle<ort::Value>> values_;
};

}  // namespace retain
