#include "camera/realsense/context.hpp"

#include <algorithm>

#include "error.hpp"

namespace retain::rs {

namespace {

void keep_alive(Device* /*attached*/) {}

std::string listed(const std::vector<DeviceInfo>& devices) {
  if (devices.empty()) return "none";
  std::string text;
  for (const DeviceInfo& device : devices) {
    if (!text.empty()) text += ", ";
    text += device.serial + " (" + device.name + (device.usb.empty() ? "" : ", USB " + device.usb) + ")";
  }
  return text;
}

}  // namespace

Context::Context(std::shared_ptr<const Library> library)
    : library_(std::move(library)),
      native_(library_->call("start", library_->api().create_context, kApiVersion), library_->api().delete_context) {}

std::vector<Handle<Device>> Context::all() const {
  const Api& api = library_->api();
  std::vector<Handle<Device>> devices;
  {
    const std::lock_guard lock(mutex_);
    for (Device* device : attached_) devices.emplace_back(device, keep_alive);
  }
  const Handle<DeviceList> list(library_->call("list cameras", api.query_devices, native_.get()),
                                api.delete_device_list);
  const int count = library_->call("count cameras", api.get_device_count, list.get());
  for (int i = 0; i < count; ++i) {
    Error* error = nullptr;
    Device* device = api.create_device(list.get(), i, &error);
    // Unplugged since it was listed, or held by another process: not there for us.
    if (error != nullptr) {
      api.free_error(error);
      continue;
    }
    devices.emplace_back(device, api.delete_device);
  }
  return devices;
}

std::vector<DeviceInfo> Context::devices() const {
  std::vector<DeviceInfo> infos;
  for (const Handle<Device>& device : all()) infos.push_back(info(*device));
  return infos;
}

Handle<Device> Context::find(const std::string& serial) const {
  std::vector<Handle<Device>> devices = all();
  std::vector<DeviceInfo> infos;
  for (const Handle<Device>& device : devices) infos.push_back(info(*device));
  if (serial.empty() && devices.size() == 1) return std::move(devices.front());
  for (std::size_t i = 0; i < devices.size() && !serial.empty(); ++i) {
    if (infos[i].serial == serial) return std::move(devices[i]);
  }
  if (serial.empty() && !devices.empty()) {
    throw DeviceError(std::to_string(devices.size()) +
                      " RealSense cameras are connected, so the role needs a serial number; found: " + listed(infos));
  }
  throw DeviceError((serial.empty() ? "no RealSense camera is connected"
                                    : "no RealSense camera with serial number " + serial + " is connected") +
                    ", found: " + listed(infos) +
                    "; check the cable, the udev rules (docs/realsense.md) and that no other program has it open");
}

Handle<Device> Context::load(const std::filesystem::path& recording) const {
  const std::string doing = "play " + recording.string();
  return {library_->call(doing, library_->api().context_add_device, native_.get(), recording.c_str()),
          library_->api().delete_device};
}

void Context::forget(const std::filesystem::path& recording) const noexcept {
  library_->attempt(library_->api().context_remove_device, native_.get(), recording.c_str());
}

bool Context::connected(const Device& device) const noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (std::find(detached_.begin(), detached_.end(), &device) != detached_.end()) return false;
  }
  Error* error = nullptr;
  const bool valid = library_->api().device_is_connected(&device, &error) != 0;
  if (error != nullptr) {
    library_->api().free_error(error);
    return false;
  }
  return valid;
}

void Context::attach(Device* device) {
  const std::lock_guard lock(mutex_);
  std::erase(detached_, device);
  attached_.push_back(device);
}

void Context::detach(const Device* device) {
  const std::lock_guard lock(mutex_);
  if (std::erase(attached_, device) != 0) detached_.push_back(device);
}

DeviceInfo Context::info(const Device& device) const {
  const auto read = [&](int which) -> std::string {
    if (library_->call("describe a camera", library_->api().supports_device_info, &device, which) == 0) return "";
    return library_->call("describe a camera", library_->api().get_device_info, &device, which);
  };
  return {read(kInfoName), read(kInfoSerial), read(kInfoUsbType)};
}

}  // namespace retain::rs
