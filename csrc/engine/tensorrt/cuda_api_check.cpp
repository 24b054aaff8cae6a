// Compiles to nothing. Where a CUDA toolkit is on the include path, its header must agree with cuda_api.hpp.
#include "engine/tensorrt/cuda_api.hpp"

#if __has_include(<cuda.h>)
#include <cuda.h>

#include <string_view>
#include <type_traits>

namespace retain::cuda {
namespace {

// cuda.h maps each name to the symbol of its current ABI: cuMemAlloc is cuMemAlloc_v2.
#define RETAIN_SYMBOL_TEXT(name) #name
#define RETAIN_SYMBOL(name) std::string_view(RETAIN_SYMBOL_TEXT(name))
static_assert(RETAIN_SYMBOL(cuDevicePrimaryCtxRelease) == "cuDevicePrimaryCtxRelease_v2");
static_assert(RETAIN_SYMBOL(cuMemAlloc) == "cuMemAlloc_v2");
static_assert(RETAIN_SYMBOL(cuMemFree) == "cuMemFree_v2");
static_assert(RETAIN_SYMBOL(cuMemcpyHtoDAsync) == "cuMemcpyHtoDAsync_v2");
static_assert(RETAIN_SYMBOL(cuMemcpyDtoHAsync) == "cuMemcpyDtoHAsync_v2");
static_assert(RETAIN_SYMBOL(cuStreamDestroy) == "cuStreamDestroy_v2");
static_assert(RETAIN_SYMBOL(cuStreamBeginCapture) == "cuStreamBeginCapture_v2");
static_assert(RETAIN_SYMBOL(cuMemHostAlloc) == "cuMemHostAlloc");
static_assert(RETAIN_SYMBOL(cuGraphInstantiateWithFlags) == "cuGraphInstantiateWithFlags");

static_assert(std::is_same_v<CUdeviceptr, DevicePointer>);
static_assert(std::is_same_v<CUdevice, int>);
static_assert(sizeof(CUresult) == sizeof(int));
static_assert(CUDA_SUCCESS == kSuccess);
static_assert(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR == kAttributeMajor);
static_assert(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR == kAttributeMinor);
static_assert(CU_STREAM_NON_BLOCKING == kStreamNonBlocking);
static_assert(CU_MEMHOSTALLOC_PORTABLE == kHostAllocPortable);
static_assert(CU_STREAM_CAPTURE_MODE_THREAD_LOCAL == kCaptureThreadLocal);

}  // namespace
}  // namespace retain::cuda
#endif
