// Compares our indices into ONNX Runtime's function table with its own header, where the compiler finds one (Debian's
// libonnxruntime-dev, a release archive on the include path). Compiles to nothing elsewhere.
#include "engine/onnxruntime_api.hpp"

#if __has_include(<onnxruntime_c_api.h>)
#include <onnxruntime_c_api.h>
#define RETAIN_HAS_ORT_HEADER
#elif __has_include(<onnxruntime/onnxruntime_c_api.h>)
#include <onnxruntime/onnxruntime_c_api.h>
#define RETAIN_HAS_ORT_HEADER
#endif

#ifdef RETAIN_HAS_ORT_HEADER
#define RETAIN_ORT_CHECK(index, name, result, ...) \
  static_assert(offsetof(OrtApi, name) == (index) * sizeof(void*), #name " is not at index " #index " of OrtApi");
RETAIN_ORT_FUNCTIONS(RETAIN_ORT_CHECK)
static_assert(ORT_DISABLE_ALL == retain::ort::kOptimizeNothing && ORT_ENABLE_ALL == retain::ort::kOptimizeAll);
static_assert(ORT_LOGGING_LEVEL_FATAL == retain::ort::kLogFatal);
static_assert(OrtArenaAllocator == retain::ort::kArenaAllocator &&
              OrtMemTypeDefault == retain::ort::kMemoryTypeDefault);
static_assert(ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT == retain::ort::kElementFloat);
static_assert(ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 == retain::ort::kElementUInt8);
static_assert(ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 == retain::ort::kElementInt64);
static_assert(ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL == retain::ort::kElementBool);
#endif
