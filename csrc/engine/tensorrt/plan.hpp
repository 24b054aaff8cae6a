// A TensorRT plan as the engine sees it. TensorRT's headers stay behind this interface, in a module of its own.
#pragma once

#include <vector>

#include "engine/tensor_spec.hpp"
#include "engine/tensorrt/cuda_api.hpp"

namespace retain {

/// One plan, ready to run. Inputs and outputs lie at addresses that are given once.
class Plan {
 public:
  Plan() = default;
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  virtual ~Plan() = default;

  [[nodiscard]] virtual const std::vector<TensorSpec>& inputs() const noexcept = 0;
  [[nodiscard]] virtual const std::vector<TensorSpec>& outputs() const noexcept = 0;

  /// @throw EngineError if there is no such input or output
  virtual void bind(const TensorSpec& spec, cuda::DevicePointer memory) = 0;

  /// Queues one run.
  /// @throw EngineError if TensorRT refuses
  virtual void enqueue(cuda::StreamHandle* stream) = 0;
};

}  // namespace retain
