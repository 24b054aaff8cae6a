#include <doctest.h>

#include "engine/tensorrt/open_tensorrt.hpp"
#include "error.hpp"
#include "fake_gpu.hpp"

namespace retain {
namespace {

const PlanMachine kBuiltFor{"Orin", "8.7", "10.3.0", "bf16", "retain export b -o NEW --graph-from b --trt"};

TEST_CASE("plans run on the GPU and the release that built them, and nowhere else") {
  check_machine(kBuiltFor, "Orin", "8.7", "10.3.0");
  CHECK_THROWS_WITH_AS(check_machine(kBuiltFor, "Orin", "8.7", "10.4.0"),
                       "the engines were built for Orin (compute capability 8.7) with TensorRT 10.3.0, this is Orin "
                       "(compute capability 8.7) with TensorRT 10.4.0; build them here: retain export b -o NEW "
                       "--graph-from b --trt",
                       EngineError);
  CHECK_THROWS_AS(check_machine(kBuiltFor, "NVIDIA H200", "9.0", "10.3.0"), EngineError);
  CHECK_THROWS_AS(check_machine(kBuiltFor, "Orin Nano", "8.7", "10.3.0"), EngineError);
  PlanMachine any = kBuiltFor;
  any.gpu = "any";
  check_machine(any, "Orin Nano", "8.7", "10.3.0");
  CHECK_THROWS_AS(check_machine(any, "Thor", "11.0", "10.3.0"), EngineError);
}

TEST_CASE("without a driver the error comes before TensorRT is touched, and says what to do") {
  const TensorRtOptions options{"/nowhere/libretain_tensorrt.so", "", "/nowhere/libcuda.so.1"};
  CHECK_THROWS_WITH_AS(open_plans({}, kBuiltFor, options), doctest::Contains("there is no NVIDIA driver"), EngineError);
  CHECK_THROWS_WITH_AS(open_plans({}, kBuiltFor, options), doctest::Contains("--engine cpu"), EngineError);
}

TEST_CASE("a library that is no driver is refused by the first function that it lacks") {
  CHECK_THROWS_WITH_AS(cuda::Device::open("libm.so.6"), doctest::Contains("libm.so.6 has no cuInit"), EngineError);
}

TEST_CASE("a driver without a GPU is an error") {
  testing::FakeGpu gpu;
  gpu.devices = 0;
  CHECK_THROWS_WITH_AS(cuda::Device(testing::FakeGpu::api()), doctest::Contains("shows no GPU"), EngineError);
  CHECK(gpu.contexts == 0);
}

TEST_CASE("the GPU is told by the driver's name and capability") {
  testing::FakeGpu gpu;
  const cuda::Device device(testing::FakeGpu::api());
  CHECK(device.name() == "Orin");
  CHECK(device.compute_capability() == "8.7");
}

}  // namespace
}  // namespace retain
