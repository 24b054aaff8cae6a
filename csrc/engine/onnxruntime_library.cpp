#include "engine/onnxruntime_library.hpp"

#include <dlfcn.h>

#include "error.hpp"

namespace retain {

std::shared_ptr<const OnnxRuntimeLibrary> OnnxRuntimeLibrary::open(const std::filesystem::path& path) {
  // RTLD_LOCAL: its symbols must not meet those of the copies that `import onnxruntime` and torch bring. Never closed:
  // its threads and static destructors expect it to stay until the process ends.
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    throw EngineError("cannot load ONNX Runtime from " + path.string() + " (" + dlerror() +
                      "); install it with: pip install 'retain-vla[cpu]'");
  }
  const auto get_base = reinterpret_cast<const ort::ApiBase* (*)()>(dlsym(handle, "OrtGetApiBase"));
  if (get_base == nullptr) {
    throw EngineError(path.string() +
                      " is not ONNX Runtime: it has no OrtGetApiBase; install it with: pip install 'retain-vla[cpu]'");
  }
  const ort::ApiBase& base = *get_base();
  const void* table = base.GetApi(ort::kApiVersion);
  if (table == nullptr) {
    throw EngineError(path.string() + " is ONNX Runtime " + base.GetVersionString() +
                      ", 1.20 or newer is needed; run: pip install -U 'retain-vla[cpu]'");
  }
  return std::shared_ptr<const OnnxRuntimeLibrary>(new OnnxRuntimeLibrary(base, ort::read_table(table)));
}

OnnxRuntimeLibrary::OnnxRuntimeLibrary(const ort::ApiBase& base, const ort::Api& api)
    : api_(api), version_(base.GetVersionString()), env_(nullptr, api.ReleaseEnv) {
  ort::Env* env = nullptr;
  // Errors come back as statuses and become sentences; on stderr they would be said twice.
  check(api_.CreateEnv(ort::kLogFatal, "retain", &env), "start");
  env_.reset(env);
}

void OnnxRuntimeLibrary::check(ort::Status* status, std::string_view doing) const {
  if (status == nullptr) return;
  const OrtHandle<ort::Status> owned(status, api_.ReleaseStatus);
  throw EngineError("ONNX Runtime " + version_ + " cannot " + std::string(doing) + ": " + api_.GetErrorMessage(status));
}

}  // namespace retain
