#include "engine/onnxruntime_provider.hpp"

#include "error.hpp"

namespace retain {
namespace {

// The C API takes options as two parallel arrays of C strings.
struct KeysAndValues {
  std::vector<const char*> keys;
  std::vector<const char*> values;
};

KeysAndValues split(const std::vector<std::pair<std::string, std::string>>& options) {
  KeysAndValues split;
  for (const auto& [key, value] : options) {
    split.keys.push_back(key.c_str());
    split.values.push_back(value.c_str());
  }
  return split;
}

// CUDA and TensorRT have option objects of their own, with the same life: create, update, append, release.
template <class Options, class Create, class Update, class Append, class Release>
void append_with_options(const OnnxRuntimeLibrary& library, ort::SessionOptions& session, const KeysAndValues& options,
                         const std::string& doing, Create create, Update update, Append append, Release release) {
  Options* raw = nullptr;
  library.check(create(&raw), doing);
  const OrtHandle<Options> owned(raw, release);
  library.check(update(raw, options.keys.data(), options.values.data(), options.keys.size()), doing);
  library.check(append(&session, raw), doing);
}

}  // namespace

void append_provider(const OnnxRuntimeLibrary& library, ort::SessionOptions& session, const std::string& provider,
                     const std::vector<std::pair<std::string, std::string>>& options) {
  const ort::Api& api = library.api();
  const std::string doing = "use the provider '" + provider + "'";
  const auto split_options = split(options);
  try {
    if (provider == "cpu") {
      if (!options.empty())
        throw EngineError("the provider 'cpu' has no options; remove '" + options.front().first + "'");
    } else if (provider == "cuda") {
      append_with_options<ort::CudaOptions>(
          library, session, split_options, doing, api.CreateCUDAProviderOptions, api.UpdateCUDAProviderOptions,
          api.SessionOptionsAppendExecutionProvider_CUDA_V2, api.ReleaseCUDAProviderOptions);
    } else if (provider == "tensorrt") {
      append_with_options<ort::TensorRtOptions>(
          library, session, split_options, doing, api.CreateTensorRTProviderOptions, api.UpdateTensorRTProviderOptions,
          api.SessionOptionsAppendExecutionProvider_TensorRT_V2, api.ReleaseTensorRTProviderOptions);
    } else {
      library.check(api.SessionOptionsAppendExecutionProvider(&session, provider.c_str(), split_options.keys.data(),
                                                              split_options.values.data(), options.size()),
                    doing);
    }
  } catch (const EngineError& error) {
    if (provider == "cpu") throw;
    throw EngineError(std::string(error.what()) +
                      "; use the provider 'cpu', or for NVIDIA run: pip install 'retain-vla[gpu]'");
  }
}

}  // namespace retain
