#include "fake_gpu.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "error.hpp"

namespace retain::testing {
namespace {

FakeGpu* gpu = nullptr;

constexpr int kOutOfMemory = 2;
constexpr int kCaptureInvalidated = 901;

struct Recorded {
  std::vector<std::function<void()>> work;
};

int allocate(void** memory, std::size_t bytes) {
  if (gpu->refuse_alloc != 0 && --gpu->refuse_alloc == 0) return kOutOfMemory;
  ++gpu->allocations;
  *memory = std::calloc(1, bytes);
  return cuda::kSuccess;
}

int copy(void* target, const void* source, std::size_t bytes) {
  FakeGpu::queue([=] { std::memcpy(target, source, bytes); });
  return cuda::kSuccess;
}

}  // namespace

FakeGpu::FakeGpu() { gpu = this; }

FakeGpu::~FakeGpu() { gpu = nullptr; }

void FakeGpu::queue(std::function<void()> work) {
  if (!gpu->recording) {
    work();
  } else if (gpu->refuse_capture) {
    gpu->broken = true;
  } else {
    gpu->recorded.push_back(std::move(work));
  }
}

cuda::Api FakeGpu::api() {
  cuda::Api api;
  api.cuInit = [](unsigned) { return cuda::kSuccess; };
  api.cuDriverGetVersion = [](int* version) {
    *version = 12060;
    return cuda::kSuccess;
  };
  api.cuGetErrorString = [](int status, const char** text) {
    *text = status == kOutOfMemory ? "out of memory" : "capture invalidated";
    return cuda::kSuccess;
  };
  api.cuDeviceGetCount = [](int* count) {
    *count = gpu->devices;
    return cuda::kSuccess;
  };
  api.cuDeviceGet = [](int* device, int) {
    *device = 0;
    return cuda::kSuccess;
  };
  api.cuDeviceGetName = [](char* name, int length, int) {
    std::strncpy(name, "Orin", static_cast<std::size_t>(length));
    return cuda::kSuccess;
  };
  api.cuDeviceGetAttribute = [](int* value, int attribute, int) {
    *value = attribute == cuda::kAttributeMajor ? 8 : 7;
    return cuda::kSuccess;
  };
  api.cuDevicePrimaryCtxRetain = [](cuda::ContextHandle** context, int) {
    ++gpu->contexts;
    *context = reinterpret_cast<cuda::ContextHandle*>(gpu);
    return cuda::kSuccess;
  };
  api.cuDevicePrimaryCtxRelease_v2 = [](int) {
    --gpu->contexts;
    return cuda::kSuccess;
  };
  api.cuCtxSetCurrent = [](cuda::ContextHandle*) { return cuda::kSuccess; };
  api.cuMemAlloc_v2 = [](cuda::DevicePointer* address, std::size_t bytes) {
    void* memory = nullptr;
    const int status = allocate(&memory, bytes);
    if (status == cuda::kSuccess) ++gpu->device_allocations;
    *address = reinterpret_cast<cuda::DevicePointer>(memory);
    return status;
  };
  api.cuMemFree_v2 = [](cuda::DevicePointer address) {
    --gpu->device_allocations;
    std::free(reinterpret_cast<void*>(address));
    return cuda::kSuccess;
  };
  api.cuMemHostAlloc = [](void** memory, std::size_t bytes, unsigned) {
    const int status = allocate(memory, bytes);
    if (status == cuda::kSuccess) ++gpu->pinned_allocations;
    return status;
  };
  api.cuMemFreeHost = [](void* memory) {
    --gpu->pinned_allocations;
    std::free(memory);
    return cuda::kSuccess;
  };
  api.cuMemcpyHtoDAsync_v2 = [](cuda::DevicePointer target, const void* source, std::size_t bytes,
                                cuda::StreamHandle*) {
    ++gpu->uploads;
    gpu->uploaded_bytes += bytes;
    return copy(reinterpret_cast<void*>(target), source, bytes);
  };
  api.cuMemcpyDtoHAsync_v2 = [](void* target, cuda::DevicePointer source, std::size_t bytes, cuda::StreamHandle*) {
    ++gpu->downloads;
    gpu->downloaded_bytes += bytes;
    return copy(target, reinterpret_cast<const void*>(source), bytes);
  };
  api.cuStreamCreate = [](cuda::StreamHandle** stream, unsigned) {
    *stream = reinterpret_cast<cuda::StreamHandle*>(gpu);
    return cuda::kSuccess;
  };
  api.cuStreamDestroy_v2 = [](cuda::StreamHandle*) { return cuda::kSuccess; };
  api.cuStreamSynchronize = [](cuda::StreamHandle*) { return gpu->recording ? kCaptureInvalidated : cuda::kSuccess; };
  api.cuStreamBeginCapture_v2 = [](cuda::StreamHandle*, int) {
    gpu->recording = true;
    gpu->broken = false;
    gpu->recorded.clear();
    return cuda::kSuccess;
  };
  api.cuStreamEndCapture = [](cuda::StreamHandle*, cuda::GraphHandle** graph) {
    gpu->recording = false;
    *graph = nullptr;
    if (gpu->broken) return kCaptureInvalidated;
    *graph = reinterpret_cast<cuda::GraphHandle*>(new Recorded{std::move(gpu->recorded)});
    return cuda::kSuccess;
  };
  api.cuGraphInstantiateWithFlags = [](cuda::GraphExecHandle** replay, cuda::GraphHandle* graph, unsigned long long) {
    ++gpu->graphs;
    *replay = reinterpret_cast<cuda::GraphExecHandle*>(new Recorded(*reinterpret_cast<Recorded*>(graph)));
    return cuda::kSuccess;
  };
  api.cuGraphLaunch = [](cuda::GraphExecHandle* replay, cuda::StreamHandle*) {
    ++gpu->launches;
    for (const auto& work : reinterpret_cast<Recorded*>(replay)->work) work();
    return cuda::kSuccess;
  };
  api.cuGraphExecDestroy = [](cuda::GraphExecHandle* replay) {
    --gpu->graphs;
    delete reinterpret_cast<Recorded*>(replay);
    return cuda::kSuccess;
  };
  api.cuGraphDestroy = [](cuda::GraphHandle* graph) {
    delete reinterpret_cast<Recorded*>(graph);
    return cuda::kSuccess;
  };
  return api;
}

FakePlan::FakePlan(std::vector<TensorSpec> inputs, std::vector<TensorSpec> outputs,
                   std::function<void(const Memory&)> compute)
    : inputs_(std::move(inputs)), outputs_(std::move(outputs)), compute_(std::move(compute)) {}

void FakePlan::bind(const TensorSpec& spec, cuda::DevicePointer memory) { bound.emplace_back(spec.name, memory); }

void FakePlan::enqueue(cuda::StreamHandle*) {
  ++enqueued;
  FakeGpu::queue([this] {
    compute_([this](const std::string& name) {
      const auto found = std::ranges::find(bound, name, [](const auto& one) { return one.first; });
      return reinterpret_cast<float*>(found->second);
    });
  });
  if (gpu->recording && gpu->refuse_capture) throw EngineError("this plan cannot be recorded");
}

}  // namespace retain::testing
