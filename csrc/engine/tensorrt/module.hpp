// The border to libretain_tensorrt.so, which is built where TensorRT's headers are found, and loaded when it is asked
// for: retain itself needs neither TensorRT nor CUDA, to build or to run.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "engine/tensorrt/plan.hpp"

namespace retain {

/// Both sides must have been compiled from the same interface.
inline constexpr int kTensorRtModuleVersion = 1;
inline constexpr const char* kTensorRtModuleEntry = "retain_tensorrt_module";

/// A loaded TensorRT: libnvinfer, or TensorRT-RTX's library, whose interface is the same.
class TensorRt {
 public:
  TensorRt() = default;
  TensorRt(const TensorRt&) = delete;
  TensorRt& operator=(const TensorRt&) = delete;
  virtual ~TensorRt() = default;

  /// The release of the library that is loaded, as in "10.3.0".
  [[nodiscard]] virtual const std::string& version() const noexcept = 0;

  /// Opens a plan; a GPU and its driver must be there. The plan keeps this TensorRt alive.
  /// @throw EngineError if TensorRT refuses the file, with its reason
  [[nodiscard]] virtual std::unique_ptr<Plan> open_plan(const std::filesystem::path& file) = 0;
};

/// What the module hands out through kTensorRtModuleEntry.
struct TensorRtModule {
  int module_version;
  /// @param library a name for dlopen; empty takes the libnvinfer of the release whose headers were compiled against
  /// @throw EngineError if it cannot be loaded or is of another major release than the headers
  std::shared_ptr<TensorRt> (*open)(const std::filesystem::path& library);
};

}  // namespace retain
