#include "engine/onnxruntime_session.hpp"

#include <algorithm>
#include <optional>

#include "engine/onnxruntime_provider.hpp"
#include "error.hpp"

namespace retain {
namespace {

int ort_element(ElementType type) noexcept {
  switch (type) {
    case ElementType::kFloat32:
      return ort::kElementFloat;
    case ElementType::kInt64:
      return ort::kElementInt64;
    case ElementType::kUInt8:
      return ort::kElementUInt8;
    case ElementType::kBool:
      return ort::kElementBool;
  }
  return 0;
}

OrtHandle<ort::SessionOptions> session_options(const OnnxRuntimeLibrary& library, const OnnxRuntimeOptions& options) {
  const ort::Api& api = library.api();
  ort::SessionOptions* raw = nullptr;
  library.check(api.CreateSessionOptions(&raw), "make session options");
  OrtHandle<ort::SessionOptions> made(raw, api.ReleaseSessionOptions);
  library.check(api.SetIntraOpNumThreads(raw, options.threads), "set the number of threads");
  library.check(api.SetSessionGraphOptimizationLevel(raw, options.optimize ? ort::kOptimizeAll : ort::kOptimizeNothing),
                "set the optimization level");
  // A spinning pool would take the core from the tick between two inferences.
  library.check(api.AddSessionConfigEntry(raw, "session.intra_op.allow_spinning", "0"), "forbid spinning");
  append_provider(library, *raw, options.provider, options.provider_options);
  return made;
}

// The graph's own inputs or outputs, as opened.
class Signature {
 public:
  Signature(const OnnxRuntimeLibrary& library, const ort::Session& session) : library_(library), session_(session) {}

  [[nodiscard]] std::vector<std::string> inputs() const {
    return all(library_.api().SessionGetInputCount, library_.api().SessionGetInputName,
               library_.api().SessionGetInputTypeInfo);
  }

  [[nodiscard]] std::vector<std::string> outputs() const {
    return all(library_.api().SessionGetOutputCount, library_.api().SessionGetOutputName,
               library_.api().SessionGetOutputTypeInfo);
  }

 private:
  // Sorted texts as to_string(TensorSpec) makes them: comparable, and ready for the message.
  template <class Count, class Name, class Type>
  [[nodiscard]] std::vector<std::string> all(Count count, Name name, Type type) const {
    std::size_t size = 0;
    library_.check(count(&session_, &size), "count a graph's tensors");
    std::vector<std::string> texts;
    for (std::size_t index = 0; index < size; ++index) texts.push_back(one(index, name, type));
    std::ranges::sort(texts);
    return texts;
  }

  template <class Name, class Type>
  [[nodiscard]] std::string one(std::size_t index, Name name, Type type) const {
    const ort::Api& api = library_.api();
    ort::AllocatorHandle* allocator = nullptr;
    library_.check(api.GetAllocatorWithDefaultOptions(&allocator), "get its allocator");
    char* raw_name = nullptr;
    library_.check(name(&session_, index, allocator, &raw_name), "name a graph's tensor");
    const std::string text(raw_name);
    library_.check(api.AllocatorFree(allocator, raw_name), "free a name");

    ort::TypeInfo* raw_type = nullptr;
    library_.check(type(&session_, index, &raw_type), "read the type of " + text);
    const OrtHandle<ort::TypeInfo> owned(raw_type, api.ReleaseTypeInfo);
    const ort::TensorInfo* info = nullptr;
    library_.check(api.CastTypeInfoToTensorInfo(raw_type, &info), "read the type of " + text);
    if (info == nullptr) return text + " (not a tensor)";
    int element = 0;
    library_.check(api.GetTensorElementType(info, &element), "read the element type of " + text);
    std::size_t rank = 0;
    library_.check(api.GetDimensionsCount(info, &rank), "read the rank of " + text);
    TensorSpec spec{text, ElementType::kFloat32, std::vector<std::int64_t>(rank)};
    library_.check(api.GetDimensions(info, spec.shape.data(), rank), "read the shape of " + text);
    for (const auto known : {ElementType::kFloat32, ElementType::kInt64, ElementType::kUInt8, ElementType::kBool}) {
      spec.type = known;
      if (ort_element(known) == element) return to_string(spec);
    }
    return text + " (element type " + std::to_string(element) + ")";
  }

  const OnnxRuntimeLibrary& library_;
  const ort::Session& session_;
};

std::vector<std::string> texts_of(const std::vector<TensorSpec>& specs) {
  std::vector<std::string> texts;
  std::ranges::transform(specs, std::back_inserter(texts), [](const TensorSpec& spec) { return to_string(spec); });
  std::ranges::sort(texts);
  return texts;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all;
}

}  // namespace

OnnxRuntimeSession::OnnxRuntimeSession(std::shared_ptr<const OnnxRuntimeLibrary> library, const GraphSpec& graph,
                                       const OnnxRuntimeOptions& options)
    : library_(std::move(library)),
      name_(graph.file.filename().string()),
      session_(nullptr, library_->api().ReleaseSession),
      binding_(nullptr, library_->api().ReleaseIoBinding),
      run_options_(nullptr, library_->api().ReleaseRunOptions),
      cpu_memory_(nullptr, library_->api().ReleaseMemoryInfo) {
  const ort::Api& api = library_->api();
  const auto settings = session_options(*library_, options);
  ort::Session* session = nullptr;
  library_->check(api.CreateSession(&library_->env(), graph.file.c_str(), settings.get(), &session),
                  "open " + graph.file.string());
  session_.reset(session);
  check_signature(graph);
  ort::IoBinding* binding = nullptr;
  library_->check(api.CreateIoBinding(session, &binding), "bind " + name_);
  binding_.reset(binding);
  ort::RunOptions* run_options = nullptr;
  library_->check(api.CreateRunOptions(&run_options), "make run options");
  run_options_.reset(run_options);
  ort::MemoryInfo* memory = nullptr;
  library_->check(api.CreateCpuMemoryInfo(ort::kArenaAllocator, ort::kMemoryTypeDefault, &memory),
                  "describe host memory");
  cpu_memory_.reset(memory);
}

void OnnxRuntimeSession::check_signature(const GraphSpec& graph) const {
  const Signature found(*library_, *session_);
  const auto compare = [&](const char* what, const std::vector<std::string>& have,
                           const std::vector<std::string>& want) {
    if (have == want) return;
    throw EngineError(graph.file.string() + " has the " + what + " " + joined(have) + " where the manifest says " +
                      joined(want) + "; export the bundle again");
  };
  compare("inputs", found.inputs(), texts_of(graph.inputs));
  compare("outputs", found.outputs(), texts_of(graph.outputs));
}

ort::Value* OnnxRuntimeSession::tensor(const TensorSpec& spec, std::span<std::byte> memory) {
  if (memory.size() != bytes_of(spec)) {
    throw EngineError(name_ + ": " + to_string(spec) + " needs " + std::to_string(bytes_of(spec)) + " bytes, got " +
                      std::to_string(memory.size()));
  }
  const ort::Api& api = library_->api();
  ort::Value* value = nullptr;
  library_->check(api.CreateTensorWithDataAsOrtValue(cpu_memory_.get(), memory.data(), memory.size(), spec.shape.data(),
                                                     spec.shape.size(), ort_element(spec.type), &value),
                  "wrap " + to_string(spec));
  values_.emplace_back(value, api.ReleaseValue);
  return value;
}

void OnnxRuntimeSession::bind_input(const TensorSpec& spec, std::span<std::byte> memory) {
  library_->check(library_->api().BindInput(binding_.get(), spec.name.c_str(), tensor(spec, memory)),
                  "bind " + to_string(spec));
}

void OnnxRuntimeSession::bind_output(const TensorSpec& spec, std::span<std::byte> memory) {
  library_->check(library_->api().BindOutput(binding_.get(), spec.name.c_str(), tensor(spec, memory)),
                  "bind " + to_string(spec));
}

void OnnxRuntimeSession::run() {
  ort::Status* status = library_->api().RunWithBinding(session_.get(), run_options_.get(), binding_.get());
  // The text is built only on failure: this is called once per flow step.
  if (status != nullptr) library_->check(status, "run " + name_);
}

}  // namespace retain
