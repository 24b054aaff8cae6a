// From plans on disk to an engine: is this the machine that they were built for?
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "engine/tensorrt/device_engine.hpp"

namespace retain {

/// What the sidecar says that plans were built for, and what builds them anew.
struct PlanMachine {
  std::string gpu;                 ///< the driver's name, or "any"
  std::string compute_capability;  ///< as in "8.7"
  std::string version;             ///< release of the library, as in "10.3.0"
  std::string precision;           ///< as in "bf16"
  std::string rebuild;             ///< the command that builds engines for the machine at hand
};

/// Where TensorRT is.
struct TensorRtOptions {
  std::filesystem::path module;                   ///< libretain_tensorrt.so
  std::filesystem::path library;                  ///< a name for dlopen; empty: the libnvinfer of the module's headers
  std::filesystem::path driver = "libcuda.so.1";  ///< NVIDIA's driver
};

/// What a DeviceEngine is made of.
struct OpenedPlans {
  std::shared_ptr<const cuda::Device> device;
  Plans plans;
  std::string description;  ///< as in "TensorRT 10.3.0, bf16, on Orin"
};

/// Opens a policy's plans on this machine.
/// @param spec the graphs as the manifest describes them, with `file` of each its plan
/// @throw EngineError if there is no driver or GPU (asked first: TensorRT does not survive that in every release), if
/// module or library cannot be loaded, if this is another GPU or release than `built_for` says, or a plan does not open
OpenedPlans open_plans(const EngineSpec& spec, const PlanMachine& built_for, const TensorRtOptions& options);

/// The release of the library that plans would be opened with, as in "10.3.0".
/// @throw EngineError if module or library cannot be loaded
std::string tensorrt_version(const std::filesystem::path& module, const std::filesystem::path& library);

/// @throw EngineError with both sides and the command to rebuild
void check_machine(const PlanMachine& built_for, const std::string& gpu, const std::string& compute_capability,
                   const std::string& version);

}  // namespace retain
