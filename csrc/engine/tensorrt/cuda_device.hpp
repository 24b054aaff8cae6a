// The first GPU through NVIDIA's driver: memory, a stream, and work that was recorded once and is replayed.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "engine/tensorrt/cuda_api.hpp"

namespace retain::cuda {

/// The driver and the primary context of the first GPU, which TensorRT uses too.
class Device {
 public:
  /// @param library the driver, as a name for dlopen
  /// @throw EngineError if there is no driver or no GPU
  static std::shared_ptr<const Device> open(const std::filesystem::path& library = "libcuda.so.1");

  /// @throw EngineError if there is no GPU
  explicit Device(const Api& api);
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  ~Device();

  [[nodiscard]] const Api& api() const noexcept { return api_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }  ///< as in "Orin"
  [[nodiscard]] const std::string& compute_capability() const noexcept { return compute_capability_; }  ///< "8.7"

  /// Makes the GPU's context that of the calling thread. Every function below needs it.
  void use() const;

  /// @throw EngineError with the driver's message, if `status` is no success
  void check(int status, std::string_view doing) const;

 private:
  Api api_;
  int device_ = 0;
  ContextHandle* context_ = nullptr;
  std::string name_;
  std::string compute_capability_;
};

/// Memory on the GPU.
class DeviceBuffer {
 public:
  /// @throw EngineError if the GPU has no room
  DeviceBuffer(std::shared_ptr<const Device> device, std::size_t bytes);
  DeviceBuffer(DeviceBuffer&& other) noexcept;
  DeviceBuffer& operator=(DeviceBuffer&&) = delete;
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;
  ~DeviceBuffer();

  [[nodiscard]] DevicePointer address() const noexcept { return address_; }

 private:
  std::shared_ptr<const Device> device_;
  DevicePointer address_ = 0;
};

/// Page-locked memory of the host: the GPU copies from it without a detour, and recorded copies keep its address.
class PinnedBuffer {
 public:
  /// @throw EngineError if the system grants no more of it
  PinnedBuffer(std::shared_ptr<const Device> device, std::size_t bytes);
  PinnedBuffer(PinnedBuffer&& other) noexcept;
  PinnedBuffer& operator=(PinnedBuffer&&) = delete;
  PinnedBuffer(const PinnedBuffer&) = delete;
  PinnedBuffer& operator=(const PinnedBuffer&) = delete;
  ~PinnedBuffer();

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::shared_ptr<const Device> device_;
  std::span<std::byte> bytes_;
};

/// A queue of work for the GPU, in order.
class Stream {
 public:
  explicit Stream(std::shared_ptr<const Device> device);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream();

  [[nodiscard]] StreamHandle* handle() const noexcept { return handle_; }
  [[nodiscard]] const Device& device() const noexcept { return *device_; }
  void upload(DevicePointer target, std::span<const std::byte> source) const;
  void download(std::span<std::byte> target, DevicePointer source) const;
  void wait() const;

 private:
  std::shared_ptr<const Device> device_;
  StreamHandle* handle_ = nullptr;
};

}  // namespace retain::cuda
