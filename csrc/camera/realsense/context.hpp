// The cameras that are there: enumerated by librealsense, played from recordings, or attached by their address.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "camera/realsense/library.hpp"

namespace retain::rs {

struct DeviceInfo {
  std::string name;    ///< as in "Intel RealSense D435"
  std::string serial;  ///< empty where the device has none
  std::string usb;     ///< as in "3.2"; empty where unknown
};

/// One of librealsense's contexts. All cameras of a process share it; its functions may be called from any thread.
class Context {
 public:
  /// @throw DeviceError if librealsense refuses
  explicit Context(std::shared_ptr<const Library> library);

  [[nodiscard]] const Library& library() const noexcept { return *library_; }

  /// What is connected now.
  [[nodiscard]] std::vector<DeviceInfo> devices() const;

  /// @param serial empty: the only camera there is
  /// @throw DeviceError if it is not there, or several are and none was named; the sentence lists what was found
  [[nodiscard]] Handle<Device> find(const std::string& serial) const;

  /// A recording as a device; forget() before it is loaded again.
  /// @throw DeviceError if it cannot be read
  [[nodiscard]] Handle<Device> load(const std::filesystem::path& recording) const;
  void forget(const std::filesystem::path& recording) const noexcept;

  /// Whether an open device is still there.
  [[nodiscard]] bool connected(const Device& device) const noexcept;

  /// Adds a device that other code made with the same library and keeps alive, such as an rs2_software_device: the
  /// simulator of a camera. librealsense lists software devices only while somebody holds its own notice of them.
  void attach(Device* device);
  /// As if it were unplugged. It must live on until the camera that uses it is closed.
  void detach(const Device* device);

  [[nodiscard]] DeviceInfo info(const Device& device) const;

 private:
  [[nodiscard]] std::vector<Handle<Device>> all() const;

  std::shared_ptr<const Library> library_;
  Handle<NativeContext> native_;
  mutable std::mutex mutex_;
  std::vector<Device*> attached_;
  std::vector<const Device*> detached_;
};

}  // namespace retain::rs
