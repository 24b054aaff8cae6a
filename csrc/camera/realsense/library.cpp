#include "camera/realsense/library.hpp"

#include <dlfcn.h>

#include "error.hpp"

namespace retain::rs {

namespace {

constexpr const char* kInstall = "pip install 'retain-vla[realsense]' && apt-get install libusb-1.0-0";

std::string as_text(int version) {
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

Api read_functions(void* handle, const std::filesystem::path& path) {
  Api api;
  const auto resolve = [&](const char* name, auto& function) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(handle, name));
    if (function == nullptr) {
      throw DeviceError(path.string() + " has no function " + name +
                        ", so it is not librealsense 2.55 or newer; run: " + kInstall);
    }
  };
  resolve("rs2_get_api_version", api.get_api_version);
  resolve("rs2_get_error_message", api.get_error_message);
  resolve("rs2_free_error", api.free_error);
  resolve("rs2_create_context", api.create_context);
  resolve("rs2_delete_context", api.delete_context);
  resolve("rs2_query_devices", api.query_devices);
  resolve("rs2_get_device_count", api.get_device_count);
  resolve("rs2_delete_device_list", api.delete_device_list);
  resolve("rs2_context_add_device", api.context_add_device);
  resolve("rs2_context_remove_device", api.context_remove_device);
  resolve("rs2_create_device", api.create_device);
  resolve("rs2_delete_device", api.delete_device);
  resolve("rs2_supports_device_info", api.supports_device_info);
  resolve("rs2_get_device_info", api.get_device_info);
  resolve("rs2_device_is_connected", api.device_is_connected);
  resolve("rs2_hardware_reset", api.hardware_reset);
  resolve("rs2_playback_device_get_current_status", api.playback_device_get_current_status);
  resolve("rs2_query_sensors", api.query_sensors);
  resolve("rs2_get_sensors_count", api.get_sensors_count);
  resolve("rs2_delete_sensor_list", api.delete_sensor_list);
  resolve("rs2_create_sensor", api.create_sensor);
  resolve("rs2_delete_sensor", api.delete_sensor);
  resolve("rs2_open_multiple", api.open_multiple);
  resolve("rs2_close", api.close);
  resolve("rs2_start", api.start);
  resolve("rs2_stop", api.stop);
  resolve("rs2_supports_option", api.supports_option);
  resolve("rs2_set_option", api.set_option);
  resolve("rs2_get_option_range", api.get_option_range);
  resolve("rs2_get_stream_profiles", api.get_stream_profiles);
  resolve("rs2_get_stream_profiles_count", api.get_stream_profiles_count);
  resolve("rs2_delete_stream_profiles_list", api.delete_stream_profiles_list);
  resolve("rs2_get_stream_profile", api.get_stream_profile);
  resolve("rs2_get_stream_profile_data", api.get_stream_profile_data);
  resolve("rs2_get_video_stream_resolution", api.get_video_stream_resolution);
  resolve("rs2_create_frame_queue", api.create_frame_queue);
  resolve("rs2_delete_frame_queue", api.delete_frame_queue);
  resolve("rs2_try_wait_for_frame", api.try_wait_for_frame);
  resolve("rs2_enqueue_frame", api.enqueue_frame);
  resolve("rs2_create_sync_processing_block", api.create_sync_processing_block);
  resolve("rs2_create_align", api.create_align);
  resolve("rs2_delete_processing_block", api.delete_processing_block);
  resolve("rs2_start_processing_queue", api.start_processing_queue);
  resolve("rs2_process_frame", api.process_frame);
  resolve("rs2_release_frame", api.release_frame);
  resolve("rs2_embedded_frames_count", api.embedded_frames_count);
  resolve("rs2_extract_frame", api.extract_frame);
  resolve("rs2_get_frame_stream_profile", api.get_frame_stream_profile);
  resolve("rs2_get_frame_data", api.get_frame_data);
  resolve("rs2_get_frame_width", api.get_frame_width);
  resolve("rs2_get_frame_height", api.get_frame_height);
  resolve("rs2_get_frame_stride_in_bytes", api.get_frame_stride_in_bytes);
  resolve("rs2_get_frame_number", api.get_frame_number);
  resolve("rs2_get_frame_timestamp", api.get_frame_timestamp);
  resolve("rs2_get_frame_timestamp_domain", api.get_frame_timestamp_domain);
  resolve("rs2_supports_frame_metadata", api.supports_frame_metadata);
  resolve("rs2_get_frame_metadata", api.get_frame_metadata);
  resolve("rs2_depth_frame_get_units", api.depth_frame_get_units);
  return api;
}

}  // namespace

std::shared_ptr<const Library> Library::open(const std::filesystem::path& path) {
  // RTLD_LOCAL, never closed: its threads expect it to stay. `import pyrealsense2` of the same file shares this copy.
  void* const handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const std::string reason = dlerror();
    const bool libusb = reason.find("libusb") != std::string::npos;
    throw DeviceError("cannot load librealsense (" + reason +
                      "); run: " + (libusb ? "apt-get install libusb-1.0-0" : kInstall));
  }
  std::shared_ptr<Library> library(new Library());
  library->api_ = read_functions(handle, path);
  const int version = library->call("tell its version", library->api_.get_api_version);
  library->version_ = as_text(version);
  if (version / 10000 != kApiVersion / 10000 || version < kApiVersion) {
    throw DeviceError(path.string() + " is librealsense " + library->version_ +
                      ", 2.55 or a newer 2 is needed; run: " + kInstall);
  }
  return library;
}

void Library::fail(Error* error, std::string_view doing) const {
  const Handle<Error> owned(error, api_.free_error);
  throw DeviceError("librealsense " + version_ + " cannot " + std::string(doing) + ": " +
                    api_.get_error_message(error));
}

}  // namespace retain::rs
