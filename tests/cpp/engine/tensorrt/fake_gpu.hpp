// A GPU whose memory is the host's, behind the driver's own function table: streams run in order, a recorded stream
// keeps what is queued, and replaying it runs that. What was done is counted.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "engine/tensorrt/cuda_device.hpp"
#include "engine/tensorrt/plan.hpp"

namespace retain::testing {

/// One at a time: the driver's functions are plain functions, and find it in a static.
class FakeGpu {
 public:
  FakeGpu();
  FakeGpu(const FakeGpu&) = delete;
  FakeGpu& operator=(const FakeGpu&) = delete;
  ~FakeGpu();

  /// A function table that works on this GPU.
  [[nodiscard]] static cuda::Api api();

  /// Queues work as a kernel does. While the stream records, it is kept and not run.
  static void queue(std::function<void()> work);

  int devices = 1;
  int refuse_alloc = 0;         ///< allocations that still succeed before one fails; 0: all succeed
  bool refuse_capture = false;  ///< as plans with loops do: what is queued while recording ends the recording

  int device_allocations = 0;  ///< now
  int pinned_allocations = 0;
  int allocations = 0;  ///< ever
  int uploads = 0;
  int downloads = 0;
  std::size_t uploaded_bytes = 0;
  std::size_t downloaded_bytes = 0;
  int launches = 0;  ///< replays
  int graphs = 0;    ///< recorded works that exist now
  int contexts = 0;
  bool recording = false;
  bool broken = false;
  std::vector<std::function<void()>> recorded;
};

/// A plan that computes in plain C++: `compute` reads and writes the bound memory.
class FakePlan final : public Plan {
 public:
  using Memory = std::function<float*(const std::string& name)>;

  FakePlan(std::vector<TensorSpec> inputs, std::vector<TensorSpec> outputs, std::function<void(const Memory&)> compute);

  [[nodiscard]] const std::vector<TensorSpec>& inputs() const noexcept override { return inputs_; }
  [[nodiscard]] const std::vector<TensorSpec>& outputs() const noexcept override { return outputs_; }
  void bind(const TensorSpec& spec, cuda::DevicePointer memory) override;
  void enqueue(cuda::StreamHandle* stream) override;

  std::vector<std::pair<std::string, cuda::DevicePointer>> bound;
  int enqueued = 0;

 private:
  std::vector<TensorSpec> inputs_;
  std::vector<TensorSpec> outputs_;
  std::function<void(const Memory&)> compute_;
};

}  // namespace retain::testing
