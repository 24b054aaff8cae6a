// The engine on the GPU: what a prefix computes stays there, and a flow step is one replayed CUDA graph.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/graph_engine.hpp"
#include "engine/tensorrt/cuda_device.hpp"
#include "engine/tensorrt/plan.hpp"
#include "engine/tensorrt/recorded_work.hpp"

namespace retain {

/// The plans of a policy; `step` is empty where the prefix regresses the chunk.
struct Plans {
  std::unique_ptr<Plan> prefix;
  std::unique_ptr<Plan> step;
};

/// Runs plans over one set of buffers on the GPU. Only frames, tokens, state, x and t go up, only velocities (or the
/// regressed chunk) come down. After the constructor nothing is allocated, on either side.
class DeviceEngine : public GraphEngine {
 public:
  /// Allocates, binds, and runs each plan, so that the first inference on the robot is not the slow one.
  /// @param spec what the manifest says about the graphs
  /// @param description who computes, as in "TensorRT 10.3.0, bf16, on Orin"
  /// @throw EngineError if a plan's inputs and outputs are not the spec's, or the GPU has no room
  DeviceEngine(const EngineSpec& spec, std::shared_ptr<const cuda::Device> device, Plans plans,
               const std::string& description);
  ~DeviceEngine() override;

  /// Copied from the GPU.
  [[nodiscard]] std::span<const std::byte> prefix_output(std::string_view name) const override;

 private:
  /// One tensor on the GPU, with its place on the host where it goes up or comes down.
  struct Buffer {
    TensorSpec spec;
    cuda::DeviceBuffer memory;
    std::optional<cuda::PinnedBuffer> host;
  };

  Buffer& buffer(const TensorSpec& spec);
  Buffer& exchanged(const TensorSpec& spec);
  [[nodiscard]] const Buffer& at(std::string_view name) const { return buffers_.find(name)->second; }
  void run_prefix() override;
  void run_step() override;
  std::unique_ptr<cuda::RecordedWork> work(Plan& plan, std::vector<const Buffer*> up, std::vector<const Buffer*> down);
  void prepare_prefix(const GraphSpec& graph);
  void prepare_step(const GraphSpec& graph);

  std::shared_ptr<const cuda::Device> device_;
  std::shared_ptr<const cuda::Stream> stream_;
  std::map<std::string, Buffer, std::less<>> buffers_;  // by tensor name, shared by both plans
  Plans plans_;
  // Behind the plans and the memory that they replay, so that they end before those do.
  std::unique_ptr<cuda::RecordedWork> prefix_work_;
  std::unique_ptr<cuda::RecordedWork> step_work_;
  mutable std::vector<std::byte> read_;
};

}  // namespace retain
