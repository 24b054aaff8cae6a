#include "engine/tensorrt/cuda_device.hpp"

#include <dlfcn.h>

#include <array>
#include <utility>

#include "error.hpp"

namespace retain::cuda {
namespace {

constexpr const char* kMend =
    "; TensorRT runs on NVIDIA's GPUs alone: install the driver (on a Jetson JetPack has it), or take another engine "
    "(--engine cpu)";

}  // namespace

std::shared_ptr<const Device> Device::open(const std::filesystem::path& library) {
  // Never closed: TensorRT's own copy of CUDA's runtime expects the driver to stay.
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    throw EngineError("there is no NVIDIA driver on this machine (" + std::string(dlerror()) + ")" + kMend);
  }
  Api api;
#define RETAIN_CUDA_LOAD(name, ...)                                                                      \
  api.name = reinterpret_cast<decltype(api.name)>(dlsym(handle, #name));                                 \
  if (api.name == nullptr) {                                                                             \
    throw EngineError(library.string() + " has no " #name                                                \
                                         ", as drivers have from CUDA 11.4 on; update NVIDIA's driver"); \
  }
  RETAIN_CUDA_FUNCTIONS(RETAIN_CUDA_LOAD)
#undef RETAIN_CUDA_LOAD
  return std::make_shared<const Device>(api);
}

Device::Device(const Api& api) : api_(api) {
  int count = 0;
  if (api_.cuInit(0) != kSuccess || api_.cuDeviceGetCount(&count) != kSuccess || count == 0) {
    throw EngineError(std::string("NVIDIA's driver is installed and shows no GPU") + kMend);
  }
  check(api_.cuDeviceGet(&device_, 0), "open the first GPU");
  std::array<char, 256> name{};
  check(api_.cuDeviceGetName(name.data(), static_cast<int>(name.size()), device_), "read the GPU's name");
  name_ = name.data();
  int major = 0;
  int minor = 0;
  check(api_.cuDeviceGetAttribute(&major, kAttributeMajor, device_), "read the compute capability");
  check(api_.cuDeviceGetAttribute(&minor, kAttributeMinor, device_), "read the compute capability");
  compute_capability_ = std::to_string(major) + "." + std::to_string(minor);
  check(api_.cuDevicePrimaryCtxRetain(&context_, device_), "make a context");
}

Device::~Device() { api_.cuDevicePrimaryCtxRelease_v2(device_); }

void Device::use() const { check(api_.cuCtxSetCurrent(context_), "take the context"); }

void Device::check(int status, std::string_view doing) const {
  if (status == kSuccess) return;
  const char* text = nullptr;
  const bool known = api_.cuGetErrorString(status, &text) == kSuccess && text != nullptr;
  throw EngineError("CUDA cannot " + std::string(doing) + " on " + (name_.empty() ? "the GPU" : name_) + ": " +
                    (known ? text : "error " + std::to_string(status)));
}

DeviceBuffer::DeviceBuffer(std::shared_ptr<const Device> device, std::size_t bytes) : device_(std::move(device)) {
  device_->check(device_->api().cuMemAlloc_v2(&address_, bytes), "allocate " + std::to_string(bytes) + " bytes");
}

DeviceBuffer::DeviceBuffer(DeviceBuffer&& other) noexcept
    : device_(std::move(other.device_)), address_(std::exchange(other.address_, 0)) {}

DeviceBuffer::~DeviceBuffer() {
  if (address_ != 0) device_->api().cuMemFree_v2(address_);
}

PinnedBuffer::PinnedBuffer(std::shared_ptr<const Device> device, std::size_t bytes) : device_(std::move(device)) {
  void* memory = nullptr;
  device_->check(device_->api().cuMemHostAlloc(&memory, bytes, kHostAllocPortable),
                 "pin " + std::to_string(bytes) + " bytes of the host's memory");
  bytes_ = {static_cast<std::byte*>(memory), bytes};
}

PinnedBuffer::PinnedBuffer(PinnedBuffer&& other) noexcept
    : device_(std::move(other.device_)), bytes_(std::exchange(other.bytes_, {})) {}

PinnedBuffer::~PinnedBuffer() {
  if (!bytes_.empty()) device_->api().cuMemFreeHost(bytes_.data());
}

Stream::Stream(std::shared_ptr<const Device> device) : device_(std::move(device)) {
  device_->check(device_->api().cuStreamCreate(&handle_, kStreamNonBlocking), "make a stream");
}

Stream::~Stream() { device_->api().cuStreamDestroy_v2(handle_); }

void Stream::upload(DevicePointer target, std::span<const std::byte> source) const {
  device_->check(device_->api().cuMemcpyHtoDAsync_v2(target, source.data(), source.size(), handle_), "copy to the GPU");
}

void Stream::download(std::span<std::byte> target, DevicePointer source) const {
  device_->check(device_->api().cuMemcpyDtoHAsync_v2(target.data(), source, target.size(), handle_),
                 "copy from the GPU");
}

void Stream::wait() const { device_->check(device_->api().cuStreamSynchronize(handle_), "finish its work"); }

}  // namespace retain::cuda
