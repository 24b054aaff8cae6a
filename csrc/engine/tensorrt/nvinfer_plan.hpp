// A plan in TensorRT. Compiled only into libretain_tensorrt.so.
#pragma once

#include <NvInfer.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/tensorrt/plan.hpp"

namespace retain {

/// TensorRT's complaints, of which the last becomes part of our own sentence.
class NvInferMessages final : public nvinfer1::ILogger {
 public:
  void log(Severity severity, const char* message) noexcept override;

  /// The last complaint since the last call.
  std::string take();

 private:
  std::string last_;
};

/// Deserialized, with an execution context whose memory on the GPU is allocated here and not while running.
class NvInferPlan final : public Plan {
 public:
  /// @param owner keeps the library loaded, and `runtime` and `messages` alive
  /// @throw EngineError if TensorRT refuses the file or a tensor has no counterpart in a manifest
  NvInferPlan(std::shared_ptr<void> owner, nvinfer1::IRuntime& runtime, NvInferMessages& messages,
              const std::filesystem::path& file);

  [[nodiscard]] const std::vector<TensorSpec>& inputs() const noexcept override { return inputs_; }
  [[nodiscard]] const std::vector<TensorSpec>& outputs() const noexcept override { return outputs_; }
  void bind(const TensorSpec& spec, cuda::DevicePointer memory) override;
  void enqueue(cuda::StreamHandle* stream) override;

 private:
  void read_signature();

  // Released in reverse: the context before its engine, the engine before its runtime.
  std::shared_ptr<void> owner_;
  NvInferMessages& messages_;
  std::string name_;
  std::unique_ptr<nvinfer1::ICudaEngine> engine_;
  std::unique_ptr<nvinfer1::IExecutionContext> context_;
  std::vector<TensorSpec> inputs_;
  std::vector<TensorSpec> outputs_;
};

}  // namespace retain
