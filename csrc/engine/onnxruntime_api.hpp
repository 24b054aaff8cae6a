// ONNX Runtime's C API without its header, which no wheel ships: OrtApi is an append-only table of function pointers,
// so a function is known by its index for good. The indices are those of every release from 1.17 on;
// onnxruntime_api_check.cpp compares them with the real header wherever the compiler finds one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace retain::ort {

struct AllocatorHandle;
struct CudaOptions;
struct Env;
struct IoBinding;
struct MemoryInfo;
struct RunOptions;
struct Session;
struct SessionOptions;
struct Status;  // null means success
struct TensorInfo;
struct TensorRtOptions;
struct TypeInfo;
struct Value;

/// The API version asked for: old enough for every wheel with a libonnxruntime.so, new enough for all functions below.
inline constexpr std::uint32_t kApiVersion = 17;

inline constexpr int kLogFatal = 4;           // ORT_LOGGING_LEVEL_FATAL
inline constexpr int kOptimizeNothing = 0;    // ORT_DISABLE_ALL
inline constexpr int kOptimizeAll = 99;       // ORT_ENABLE_ALL
inline constexpr int kArenaAllocator = 1;     // OrtArenaAllocator
inline constexpr int kMemoryTypeDefault = 0;  // OrtMemTypeDefault
inline constexpr int kElementFloat = 1;       // ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT
inline constexpr int kElementUInt8 = 2;
inline constexpr int kElementInt64 = 7;
inline constexpr int kElementBool = 9;

// X(index, name, result, parameters...)
// clang-format off
#define RETAIN_ORT_FUNCTIONS(X)                                                                                                   \
  X(2, GetErrorMessage, const char*, const Status*)                                                                               \
  X(3, CreateEnv, Status*, int, const char*, Env**)                                                                               \
  X(7, CreateSession, Status*, const Env*, const char*, const SessionOptions*, Session**)                                         \
  X(10, CreateSessionOptions, Status*, SessionOptions**)                                                                          \
  X(23, SetSessionGraphOptimizationLevel, Status*, SessionOptions*, int)                                                          \
  X(24, SetIntraOpNumThreads, Status*, SessionOptions*, int)                                                                      \
  X(30, SessionGetInputCount, Status*, const Session*, std::size_t*)                                                              \
  X(31, SessionGetOutputCount, Status*, const Session*, std::size_t*)                                                             \
  X(33, SessionGetInputTypeInfo, Status*, const Session*, std::size_t, TypeInfo**)                                                \
  X(34, SessionGetOutputTypeInfo, Status*, const Session*, std::size_t, TypeInfo**)                                               \
  X(36, SessionGetInputName, Status*, const Session*, std::size_t, AllocatorHandle*, char**)                                      \
  X(37, SessionGetOutputName, Status*, const Session*, std::size_t, AllocatorHandle*, char**)                                     \
  X(39, CreateRunOptions, Status*, RunOptions**)                                                                                  \
  X(49, CreateTensorWithDataAsOrtValue, Status*, const MemoryInfo*, void*, std::size_t, const std::int64_t*, std::size_t, int, Value**) \
  X(55, CastTypeInfoToTensorInfo, Status*, const TypeInfo*, const TensorInfo**)                                                   \
  X(60, GetTensorElementType, Status*, const TensorInfo*, int*)                                                                   \
  X(61, GetDimensionsCount, Status*, const TensorInfo*, std::size_t*)                                                             \
  X(62, GetDimensions, Status*, const TensorInfo*, std::int64_t*, std::size_t)                                                    \
  X(69, CreateCpuMemoryInfo, Status*, int, int, MemoryInfo**)                                                                     \
  X(76, AllocatorFree, Status*, AllocatorHandle*, void*)                                                                          \
  X(78, GetAllocatorWithDefaultOptions, Status*, AllocatorHandle**)                                                               \
  X(92, ReleaseEnv, void, Env*)                                                                                                   \
  X(93, ReleaseStatus, void, Status*)                                                                                             \
  X(94, ReleaseMemoryInfo, void, MemoryInfo*)                                                                                     \
  X(95, ReleaseSession, void, Session*)                                                                                           \
  X(96, ReleaseValue, void, Value*)                                                                                               \
  X(97, ReleaseRunOptions, void, RunOptions*)                                                                                     \
  X(98, ReleaseTypeInfo, void, TypeInfo*)                                                                                         \
  X(100, ReleaseSessionOptions, void, SessionOptions*)                                                                            \
  X(130, AddSessionConfigEntry, Status*, SessionOptions*, const char*, const char*)                                               \
  X(133, RunWithBinding, Status*, Session*, const RunOptions*, const IoBinding*)                                                  \
  X(134, CreateIoBinding, Status*, Session*, IoBinding**)                                                                         \
  X(135, ReleaseIoBinding, void, IoBinding*)                                                                                      \
  X(136, BindInput, Status*, IoBinding*, const char*, const Value*)                                                               \
  X(137, BindOutput, Status*, IoBinding*, const char*, const Value*)                                                              \
  X(170, SessionOptionsAppendExecutionProvider_TensorRT_V2, Status*, SessionOptions*, const TensorRtOptions*)                     \
  X(171, CreateTensorRTProviderOptions, Status*, TensorRtOptions**)                                                               \
  X(172, UpdateTensorRTProviderOptions, Status*, TensorRtOptions*, const char* const*, const char* const*, std::size_t)           \
  X(174, ReleaseTensorRTProviderOptions, void, TensorRtOptions*)                                                                  \
  X(204, SessionOptionsAppendExecutionProvider_CUDA_V2, Status*, SessionOptions*, const CudaOptions*)                             \
  X(205, CreateCUDAProviderOptions, Status*, CudaOptions**)                                                                       \
  X(206, UpdateCUDAProviderOptions, Status*, CudaOptions*, const char* const*, const char* const*, std::size_t)                   \
  X(208, ReleaseCUDAProviderOptions, void, CudaOptions*)                                                                          \
  X(216, SessionOptionsAppendExecutionProvider, Status*, SessionOptions*, const char*, const char* const*, const char* const*, std::size_t)
// clang-format on

/// The functions used, by their names in ONNX Runtime's documentation.
struct Api {
#define RETAIN_ORT_MEMBER(index, name, result, ...) result (*name)(__VA_ARGS__) = nullptr;
  RETAIN_ORT_FUNCTIONS(RETAIN_ORT_MEMBER)
#undef RETAIN_ORT_MEMBER
};

/// What OrtGetApiBase() returns.
struct ApiBase {
  const void* (*GetApi)(std::uint32_t version);
  const char* (*GetVersionString)();
};

/// Picks the functions out of the table that ApiBase::GetApi returned.
inline Api read_table(const void* table) noexcept {
  const auto* slots = static_cast<void* const*>(table);
  Api api;
#define RETAIN_ORT_READ(index, name, result, ...) api.name = reinterpret_cast<decltype(api.name)>(slots[index]);
  RETAIN_ORT_FUNCTIONS(RETAIN_ORT_READ)
#undef RETAIN_ORT_READ
  return api;
}

}  // namespace retain::ort
