#include "engine/tensorrt/open_tensorrt.hpp"

#include <dlfcn.h>

#include <utility>

#include "engine/tensorrt/module.hpp"
#include "error.hpp"

namespace retain {
namespace {

const TensorRtModule& load_module(const std::filesystem::path& path) {
  constexpr const char* kMend =
      "; retain builds it where it finds TensorRT's headers: on a Jetson run `sudo apt install libnvinfer-dev` and "
      "install retain from source";
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr)
    throw EngineError("cannot load retain's TensorRT module (" + std::string(dlerror()) + ")" + kMend);
  const auto entry = reinterpret_cast<const TensorRtModule* (*)()>(dlsym(handle, kTensorRtModuleEntry));
  if (entry == nullptr || entry()->module_version != kTensorRtModuleVersion) {
    throw EngineError(path.string() + " belongs to another build of retain" + kMend);
  }
  return *entry();
}

std::string machine(const std::string& gpu, const std::string& compute_capability, const std::string& version) {
  return gpu + " (compute capability " + compute_capability + ") with TensorRT " + version;
}

}  // namespace

void check_machine(const PlanMachine& built_for, const std::string& gpu, const std::string& compute_capability,
                   const std::string& version) {
  const bool same_gpu = built_for.gpu == "any" || built_for.gpu == gpu;
  if (same_gpu && built_for.compute_capability == compute_capability && built_for.version == version) return;
  throw EngineError("the engines were built for " +
                    machine(built_for.gpu, built_for.compute_capability, built_for.version) + ", this is " +
                    machine(gpu, compute_capability, version) + "; build them here: " + built_for.rebuild);
}

std::string tensorrt_version(const std::filesystem::path& module, const std::filesystem::path& library) {
  return load_module(module).open(library)->version();
}

OpenedPlans open_plans(const EngineSpec& spec, const PlanMachine& built_for, const TensorRtOptions& options) {
  OpenedPlans opened{cuda::Device::open(options.driver), {}, {}};
  const cuda::Device& device = *opened.device;
  const auto tensorrt = load_module(options.module).open(options.library);
  check_machine(built_for, device.name(), device.compute_capability(), tensorrt->version());
  device.use();
  opened.plans.prefix = tensorrt->open_plan(spec.prefix.file);
  if (spec.step) opened.plans.step = tensorrt->open_plan(spec.step->file);
  opened.description = "TensorRT " + tensorrt->version() + ", " + built_for.precision + ", on " + device.name();
  return opened;
}

}  // namespace retain
