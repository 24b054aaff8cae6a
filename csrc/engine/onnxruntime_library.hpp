// libonnxruntime.so, found at run time: nothing of ONNX Runtime is needed to build retain, and a wheel upgrade needs no
// rebuild.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "engine/onnxruntime_api.hpp"

namespace retain {

/// Owns one of ONNX Runtime's objects and releases it with the function that belongs to it.
template <class T>
using OrtHandle = std::unique_ptr<T, void (*)(T*)>;

/// A loaded libonnxruntime.so with its environment.
class OnnxRuntimeLibrary {
 public:
  /// @param path the library itself, as in ".../onnxruntime/capi/libonnxruntime.so.1.32.0"
  /// @throw EngineError if it is not there, is not ONNX Runtime, or is older than 1.17.
  static std::shared_ptr<const OnnxRuntimeLibrary> open(const std::filesystem::path& path);

  OnnxRuntimeLibrary(const OnnxRuntimeLibrary&) = delete;
  OnnxRuntimeLibrary& operator=(const OnnxRuntimeLibrary&) = delete;
  ~OnnxRuntimeLibrary() = default;

  [[nodiscard]] const ort::Api& api() const noexcept { return api_; }
  [[nodiscard]] const ort::Env& env() const noexcept { return *env_; }
  [[nodiscard]] const std::string& version() const noexcept { return version_; }

  /// Passes success, turns a failure into one sentence.
  /// @param doing what was attempted, as in "open /bundles/a/prefix.onnx"
  /// @throw EngineError "ONNX Runtime 1.32.0 cannot <doing>: <its message>"
  void check(ort::Status* status, std::string_view doing) const;

 private:
  OnnxRuntimeLibrary(const ort::ApiBase& base, const ort::Api& api);

  ort::Api api_;
  std::string version_;
  OrtHandle<ort::Env> env_;
};

}  // namespace retain
