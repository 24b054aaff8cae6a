// Execution providers by name: where ONNX Runtime computes.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/onnxruntime_library.hpp"

namespace retain {

/// Adds a provider to a session's options; nodes that it does not take stay on the CPU.
/// @param provider "cpu" (adds nothing), "cuda", "tensorrt", or another by ONNX Runtime's own name ("OpenVINO", "QNN",
/// "XNNPACK")
/// @param options the provider's documented options
/// @throw EngineError if this build of ONNX Runtime does not have the provider or refuses an option.
void append_provider(const OnnxRuntimeLibrary& library, ort::SessionOptions& session, const std::string& provider,
                     const std::vector<std::pair<std::string, std::string>>& options);

}  // namespace retain
