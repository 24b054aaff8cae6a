// libretain_tensorrt.so on TensorRT-RTX, whose interface is TensorRT's: as far as that goes without a GPU.
#include <dlfcn.h>
#include <doctest.h>

#include <filesystem>
#include <fstream>

#include "engine/tensorrt/module.hpp"
#include "error.hpp"

namespace retain {
namespace {

const TensorRtModule& module() {
  void* handle = dlopen(RETAIN_TENSORRT_MODULE, RTLD_NOW | RTLD_LOCAL);
  REQUIRE_MESSAGE(handle != nullptr, dlerror());
  const auto entry = reinterpret_cast<const TensorRtModule* (*)()>(dlsym(handle, kTensorRtModuleEntry));
  REQUIRE(static_cast<bool>(entry));
  return *entry();
}

TEST_CASE("the module is of this build") { CHECK(module().module_version == kTensorRtModuleVersion); }

TEST_CASE("a library that is not there, and one that is not TensorRT, are errors that this side catches") {
  CHECK_THROWS_WITH_AS(module().open("/nowhere/libnvinfer.so.10"), doctest::Contains("cannot load TensorRT"),
                       EngineError);
  CHECK_THROWS_WITH_AS(module().open("libm.so.6"), doctest::Contains("is not TensorRT"), EngineError);
}

TEST_CASE("TensorRT-RTX is loaded and tells its release" * doctest::skip(sizeof(RETAIN_TENSORRT_RTX) == 1)) {
  CHECK(module().open(RETAIN_TENSORRT_RTX)->version().starts_with("1."));
}

TEST_CASE("a file that is no plan is refused with the library's reason, not with a crash" *
          doctest::skip(sizeof(RETAIN_TENSORRT_RTX) == 1)) {
  const auto tensorrt = module().open(RETAIN_TENSORRT_RTX);
  CHECK_THROWS_WITH_AS((void)tensorrt->open_plan("/nowhere/step.engine"), doctest::Contains("cannot read"),
                       EngineError);
  const std::filesystem::path file = std::filesystem::temp_directory_path() / "retain-no-plan.engine";
  std::ofstream(file) << std::string(4096, 'x');
  CHECK_THROWS_WITH_AS((void)tensorrt->open_plan(file), doctest::Contains("build the engines again"), EngineError);
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace retain
