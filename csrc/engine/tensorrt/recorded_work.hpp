// Work for the GPU that is recorded as a CUDA graph and replayed with one call: a flow step is some hundred kernels,
// and launching each costs the CPU more than the GPU needs for it.
#pragma once

#include <functional>
#include <memory>

#include "engine/tensorrt/cuda_device.hpp"

namespace retain::cuda {

/// A function that queues work on a stream, always the same work on the same memory.
class RecordedWork {
 public:
  /// Runs the work twice: once as it is, which TensorRT needs before it can be recorded, and once as recorded.
  /// @param queue queues the work, and throws EngineError if that fails
  /// @throw EngineError if the work fails without being recorded
  RecordedWork(std::shared_ptr<const Stream> stream, std::function<void()> queue);
  RecordedWork(const RecordedWork&) = delete;
  RecordedWork& operator=(const RecordedWork&) = delete;
  ~RecordedWork();

  /// Whether replaying works; some plans cannot be recorded (loops, conditions), and then each run queues anew.
  [[nodiscard]] bool recorded() const noexcept { return replay_ != nullptr; }

  /// Runs the work and waits for its end. Allocates nothing.
  /// @throw EngineError
  void run() const;

 private:
  [[nodiscard]] GraphExecHandle* record() const;

  std::shared_ptr<const Stream> stream_;
  std::function<void()> queue_;
  GraphExecHandle* replay_ = nullptr;
};

}  // namespace retain::cuda
