#include "engine/tensorrt/nvinfer_plan.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "error.hpp"

namespace retain {
namespace {

constexpr const char* kMend = "; build the engines again on this machine: --trt";

// A file in memory, read as it is used: a plan has gigabytes, and a Jetson's memory is the GPU's too.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat about{};
    if (file < 0 || fstat(file, &about) != 0) fail(path, file);
    size_ = static_cast<std::size_t>(about.st_size);
    data_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
    if (data_ == MAP_FAILED) fail(path, file);
    close(file);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() { munmap(data_, size_); }

  [[nodiscard]] const void* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  [[noreturn]] static void fail(const std::filesystem::path& path, int file) {
    const int reason = errno;
    if (file >= 0) close(file);
    throw EngineError("cannot read " + path.string() + ": " + std::strerror(reason) + kMend);
  }

  void* data_ = nullptr;
  std::size_t size_ = 0;
};

bool element_type(nvinfer1::DataType type, ElementType& found) {
  switch (type) {
    case nvinfer1::DataType::kFLOAT:
      found = ElementType::kFloat32;
      return true;
    case nvinfer1::DataType::kINT64:
      found = ElementType::kInt64;
      return true;
    case nvinfer1::DataType::kUINT8:
      found = ElementType::kUInt8;
      return true;
    case nvinfer1::DataType::kBOOL:
      found = ElementType::kBool;
      return true;
    default:
      return false;
  }
}

}  // namespace

void NvInferMessages::log(Severity severity, const char* message) noexcept {
  if (severity > Severity::kERROR) return;
  try {
    last_ = message;
  } catch (...) {
    return;  // without memory for a message there is none
  }
}

std::string NvInferMessages::take() {
  std::string taken = std::exchange(last_, {});
  return taken.empty() ? "no reason was given" : taken;
}

NvInferPlan::NvInferPlan(std::shared_ptr<void> owner, nvinfer1::IRuntime& runtime, NvInferMessages& messages,
                         const std::filesystem::path& file)
    : owner_(std::move(owner)), messages_(messages), name_(file.string()) {
  {
    const MappedFile plan(file);
    engine_.reset(runtime.deserializeCudaEngine(plan.data(), plan.size()));
  }
  if (!engine_) throw EngineError("TensorRT cannot open " + name_ + " (" + messages_.take() + ")" + kMend);
  context_.reset(engine_->createExecutionContext());
  if (!context_) throw EngineError("TensorRT cannot make room to run " + name_ + ": " + messages_.take());
  read_signature();
}

void NvInferPlan::bind(const TensorSpec& spec, cuda::DevicePointer memory) {
  if (!context_->setTensorAddress(spec.name.c_str(), reinterpret_cast<void*>(memory))) {
    throw EngineError(name_ + " does not take memory for " + to_string(spec) + ": " + messages_.take());
  }
}

void NvInferPlan::enqueue(cuda::StreamHandle* stream) {
  // CUDA's runtime and driver have one stream under two names.
  if (!context_->enqueueV3(reinterpret_cast<cudaStream_t>(stream))) {
    throw EngineError("TensorRT cannot run " + name_ + ": " + messages_.take());
  }
}

void NvInferPlan::read_signature() {
  for (int index = 0; index < engine_->getNbIOTensors(); ++index) {
    const char* name = engine_->getIOTensorName(index);
    TensorSpec spec{name, ElementType::kFloat32, {}};
    if (!element_type(engine_->getTensorDataType(name), spec.type)) {
      throw EngineError(name_ + " has a tensor '" + name + "' of a type that no manifest has" + kMend);
    }
    const nvinfer1::Dims shape = engine_->getTensorShape(name);
    spec.shape.assign(shape.d, shape.d + shape.nbDims);
    const bool is_input = engine_->getTensorIOMode(name) == nvinfer1::TensorIOMode::kINPUT;
    (is_input ? inputs_ : outputs_).push_back(std::move(spec));
  }
}

}  // namespace retain
