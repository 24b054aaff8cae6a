// libretain_tensorrt.so. Only headers are compiled against; the library is found when the module is used, so that a pip
// wheel's, JetPack's and TensorRT-RTX's serve alike.
#include <dlfcn.h>

#include <memory>
#include <string>
#include <utility>

#include "engine/tensorrt/module.hpp"
#include "engine/tensorrt/nvinfer_plan.hpp"
#include "error.hpp"

#define RETAIN_LIBNVINFER_OF(major) "libnvinfer.so." #major
#define RETAIN_LIBNVINFER(major) RETAIN_LIBNVINFER_OF(major)

// The library that the headers belong to. A symbol, so that its text is in the file as it stands: `retain doctor` reads
// it there, without loading the module.
extern "C" __attribute__((visibility("default"))) const char retain_tensorrt_library[];
const char retain_tensorrt_library[] = RETAIN_LIBNVINFER(NV_TENSORRT_MAJOR);

namespace retain {
namespace {

constexpr int kHeaderVersion = NV_TENSORRT_VERSION;

std::string release_of(int version) {
  return std::to_string(version / 10'000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

class NvInfer final : public TensorRt, public std::enable_shared_from_this<NvInfer> {
 public:
  explicit NvInfer(const std::filesystem::path& library) {
    // RTLD_GLOBAL: TensorRT loads its own parts (builder resources, plugins) by name. Never closed: so do its threads.
    void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (handle == nullptr) {
      throw EngineError("cannot load TensorRT (" + std::string(dlerror()) +
                        "); on a Jetson JetPack brings it, elsewhere run: pip install 'retain-vla[trt]'");
    }
    const auto version = reinterpret_cast<int (*)()>(dlsym(handle, "getInferLibVersion"));
    create_ = reinterpret_cast<void* (*)(void*, int)>(dlsym(handle, "createInferRuntime_INTERNAL"));
    if (version == nullptr || create_ == nullptr) {
      throw EngineError(library.string() + " is not TensorRT: it has no createInferRuntime_INTERNAL");
    }
    version_ = release_of(version());
    library_ = library.string();
  }

  [[nodiscard]] const std::string& version() const noexcept override { return version_; }

  [[nodiscard]] std::unique_ptr<Plan> open_plan(const std::filesystem::path& file) override {
    if (!runtime_) {
      runtime_.reset(static_cast<nvinfer1::IRuntime*>(create_(&messages_, kHeaderVersion)));
      if (!runtime_) {
        throw EngineError("retain was built with the headers of TensorRT " + release_of(kHeaderVersion) + " and " +
                          library_ + " is release " + version_ + " (" + messages_.take() +
                          "); build retain again with headers of the same major release");
      }
    }
    return std::make_unique<NvInferPlan>(shared_from_this(), *runtime_, messages_, file);
  }

 private:
  std::string library_;
  std::string version_;
  void* (*create_)(void*, int) = nullptr;
  NvInferMessages messages_;
  std::unique_ptr<nvinfer1::IRuntime> runtime_;
};

std::shared_ptr<TensorRt> open_library(const std::filesystem::path& library) {
  return std::make_shared<NvInfer>(library.empty() ? std::filesystem::path(retain_tensorrt_library) : library);
}

constexpr TensorRtModule kModule{kTensorRtModuleVersion, &open_library};

}  // namespace
}  // namespace retain

extern "C" __attribute__((visibility("default"))) const retain::TensorRtModule* retain_tensorrt_module() {
  return &retain::kModule;
}
