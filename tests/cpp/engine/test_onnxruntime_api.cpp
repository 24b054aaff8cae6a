#include <doctest.h>

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "engine/onnxruntime_api.hpp"

namespace retain {

// A table whose slot i holds the "address" i + 1.
ort::Api numbered_api() {
  std::array<void*, 300> slots{};
  for (std::size_t index = 0; index < slots.size(); ++index) slots[index] = reinterpret_cast<void*>(index + 1);
  return ort::read_table(slots.data());
}

template <class Function>
std::size_t slot_of(Function function) {
  return reinterpret_cast<std::uintptr_t>(function) - 1;
}

TEST_CASE("functions come from the slots that ONNX Runtime's header gives them") {
  // Read off the headers of 1.21 and 1.23, written down here a second time.
  const auto api = numbered_api();
  CHECK(slot_of(api.GetErrorMessage) == 2);
  CHECK(slot_of(api.CreateSession) == 7);
  CHECK(slot_of(api.SessionGetOutputTypeInfo) == 34);
  CHECK(slot_of(api.CreateTensorWithDataAsOrtValue) == 49);
  CHECK(slot_of(api.GetDimensions) == 62);
  CHECK(slot_of(api.ReleaseStatus) == 93);
  CHECK(slot_of(api.ReleaseSessionOptions) == 100);
  CHECK(slot_of(api.RunWithBinding) == 133);
  CHECK(slot_of(api.BindOutput) == 137);
  CHECK(slot_of(api.SessionOptionsAppendExecutionProvider_TensorRT_V2) == 170);
  CHECK(slot_of(api.ReleaseTensorRTProviderOptions) == 174);
  CHECK(slot_of(api.SessionOptionsAppendExecutionProvider_CUDA_V2) == 204);
  CHECK(slot_of(api.ReleaseCUDAProviderOptions) == 208);
  CHECK(slot_of(api.SessionOptionsAppendExecutionProvider) == 216);
}

TEST_CASE("no two functions share a slot") {
  std::size_t last = 0;
#define RETAIN_ORT_ORDER(index, name, result, ...) \
  CHECK_MESSAGE((index) > last, #name);            \
  last = (index);
  RETAIN_ORT_FUNCTIONS(RETAIN_ORT_ORDER)
#undef RETAIN_ORT_ORDER
}

}  // namespace retain
