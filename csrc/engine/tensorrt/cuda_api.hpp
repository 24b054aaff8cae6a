// The CUDA driver's functions without its header: libcuda.so.1 comes with the driver, the header with a toolkit that a
// robot does not need. Its symbols are versioned and stay; cuda_api_check.cpp compares names and numbers with cuda.h
// wherever the compiler finds one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace retain::cuda {

struct ContextHandle;
struct StreamHandle;  // what CUDA's runtime and TensorRT call cudaStream_t
struct GraphHandle;
struct GraphExecHandle;

/// An address in the GPU's memory.
using DevicePointer = unsigned long long;
static_assert(sizeof(DevicePointer) == sizeof(void*));

inline constexpr int kSuccess = 0;
inline constexpr int kAttributeMajor = 75;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
inline constexpr int kAttributeMinor = 76;
inline constexpr unsigned kStreamNonBlocking = 1;
inline constexpr unsigned kHostAllocPortable = 1;  // CU_MEMHOSTALLOC_PORTABLE: pinned for every context
inline constexpr int kCaptureThreadLocal = 1;      // CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
inline constexpr unsigned long long kGraphFlags = 0;

// X(symbol, parameters...): each returns a CUresult, 0 for success.
// clang-format off
#define RETAIN_CUDA_FUNCTIONS(X)                                                    \
  X(cuInit, unsigned)                                                               \
  X(cuDriverGetVersion, int*)                                                       \
  X(cuGetErrorString, int, const char**)                                            \
  X(cuDeviceGetCount, int*)                                                         \
  X(cuDeviceGet, int*, int)                                                         \
  X(cuDeviceGetName, char*, int, int)                                               \
  X(cuDeviceGetAttribute, int*, int, int)                                           \
  X(cuDevicePrimaryCtxRetain, ContextHandle**, int)                                 \
  X(cuDevicePrimaryCtxRelease_v2, int)                                              \
  X(cuCtxSetCurrent, ContextHandle*)                                                \
  X(cuMemAlloc_v2, DevicePointer*, std::size_t)                                     \
  X(cuMemFree_v2, DevicePointer)                                                    \
  X(cuMemHostAlloc, void**, std::size_t, unsigned)                                  \
  X(cuMemFreeHost, void*)                                                           \
  X(cuMemcpyHtoDAsync_v2, DevicePointer, const void*, std::size_t, StreamHandle*)   \
  X(cuMemcpyDtoHAsync_v2, void*, DevicePointer, std::size_t, StreamHandle*)         \
  X(cuStreamCreate, StreamHandle**, unsigned)                                       \
  X(cuStreamDestroy_v2, StreamHandle*)                                              \
  X(cuStreamSynchronize, StreamHandle*)                                             \
  X(cuStreamBeginCapture_v2, StreamHandle*, int)                                    \
  X(cuStreamEndCapture, StreamHandle*, GraphHandle**)                               \
  X(cuGraphInstantiateWithFlags, GraphExecHandle**, GraphHandle*, unsigned long long) \
  X(cuGraphLaunch, GraphExecHandle*, StreamHandle*)                                 \
  X(cuGraphExecDestroy, GraphExecHandle*)                                           \
  X(cuGraphDestroy, GraphHandle*)
// clang-format on

/// The functions used, by the driver's own names.
struct Api {
#define RETAIN_CUDA_MEMBER(name, ...) int (*name)(__VA_ARGS__) = nullptr;
  RETAIN_CUDA_FUNCTIONS(RETAIN_CUDA_MEMBER)
#undef RETAIN_CUDA_MEMBER
};

}  // namespace retain::cuda
