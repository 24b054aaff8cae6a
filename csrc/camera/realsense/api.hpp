// The part of librealsense's C API that the camera uses, declared here so that no header of the SDK is needed to build.
// Only opaque pointers and plain numbers cross it, and its enumerations only ever grow at their ends.
#pragma once

#include <cstdint>

namespace retain::rs {

struct Error;
struct NativeContext;
struct DeviceList;
struct Device;
struct SensorList;
struct Sensor;
struct ProfileList;
struct Profile;
struct FrameQueue;
struct Frame;
struct ProcessingBlock;

/// Asked of rs2_create_context: a library of the same major and at least this minor release agrees.
inline constexpr int kApiVersion = 25500;

// rs2_stream, rs2_format, rs2_camera_info, rs2_option, rs2_timestamp_domain, rs2_frame_metadata_value and
// rs2_playback_status, the values used.
inline constexpr int kStreamDepth = 1;
inline constexpr int kStreamColor = 2;
inline constexpr int kFormatZ16 = 1;
inline constexpr int kFormatRgb8 = 5;
inline constexpr int kInfoName = 0;
inline constexpr int kInfoSerial = 1;
inline constexpr int kInfoUsbType = 9;
inline constexpr int kOptionExposure = 3;
inline constexpr int kOptionGain = 4;
inline constexpr int kOptionAutoExposure = 10;
inline constexpr int kOptionAutoExposurePriority = 30;
inline constexpr int kDomainHardwareClock = 0;
inline constexpr int kMetadataFrameTime = 1;   // µs of the device's clock when readout begins
inline constexpr int kMetadataSensorTime = 2;  // µs of the device's clock in the middle of the exposure
inline constexpr int kPlaybackStopped = 3;

using FrameCallback = void (*)(Frame*, void*);

/// The functions, under their own names without the prefix rs2_.
struct Api {
  int (*get_api_version)(Error**) = nullptr;
  const char* (*get_error_message)(const Error*) = nullptr;
  void (*free_error)(Error*) = nullptr;

  NativeContext* (*create_context)(int, Error**) = nullptr;
  void (*delete_context)(NativeContext*) = nullptr;
  DeviceList* (*query_devices)(const NativeContext*, Error**) = nullptr;
  int (*get_device_count)(const DeviceList*, Error**) = nullptr;
  void (*delete_device_list)(DeviceList*) = nullptr;
  Device* (*context_add_device)(NativeContext*, const char*, Error**) = nullptr;
  void (*context_remove_device)(NativeContext*, const char*, Error**) = nullptr;

  Device* (*create_device)(const DeviceList*, int, Error**) = nullptr;
  void (*delete_device)(Device*) = nullptr;
  int (*supports_device_info)(const Device*, int, Error**) = nullptr;
  const char* (*get_device_info)(const Device*, int, Error**) = nullptr;
  int (*device_is_connected)(const Device*, Error**) = nullptr;
  void (*hardware_reset)(const Device*, Error**) = nullptr;
  int (*playback_device_get_current_status)(const Device*, Error**) = nullptr;

  SensorList* (*query_sensors)(const Device*, Error**) = nullptr;
  int (*get_sensors_count)(const SensorList*, Error**) = nullptr;
  void (*delete_sensor_list)(SensorList*) = nullptr;
  Sensor* (*create_sensor)(const SensorList*, int, Error**) = nullptr;
  void (*delete_sensor)(Sensor*) = nullptr;
  void (*open_multiple)(Sensor*, const Profile**, int, Error**) = nullptr;
  void (*close)(const Sensor*, Error**) = nullptr;
  void (*start)(const Sensor*, FrameCallback, void*, Error**) = nullptr;
  void (*stop)(const Sensor*, Error**) = nullptr;
  int (*supports_option)(const Sensor*, int, Error**) = nullptr;
  void (*set_option)(const Sensor*, int, float, Error**) = nullptr;
  void (*get_option_range)(const Sensor*, int, float*, float*, float*, float*, Error**) = nullptr;

  ProfileList* (*get_stream_profiles)(Sensor*, Error**) = nullptr;
  int (*get_stream_profiles_count)(const ProfileList*, Error**) = nullptr;
  void (*delete_stream_profiles_list)(ProfileList*) = nullptr;
  const Profile* (*get_stream_profile)(const ProfileList*, int, Error**) = nullptr;
  void (*get_stream_profile_data)(const Profile*, int*, int*, int*, int*, int*, Error**) = nullptr;
  void (*get_video_stream_resolution)(const Profile*, int*, int*, Error**) = nullptr;

  FrameQueue* (*create_frame_queue)(int, Error**) = nullptr;
  void (*delete_frame_queue)(FrameQueue*) = nullptr;
  int (*try_wait_for_frame)(FrameQueue*, unsigned, Frame**, Error**) = nullptr;
  FrameCallback enqueue_frame = nullptr;
  ProcessingBlock* (*create_sync_processing_block)(Error**) = nullptr;
  ProcessingBlock* (*create_align)(int, Error**) = nullptr;
  void (*delete_processing_block)(ProcessingBlock*) = nullptr;
  void (*start_processing_queue)(ProcessingBlock*, FrameQueue*, Error**) = nullptr;
  void (*process_frame)(ProcessingBlock*, Frame*, Error**) = nullptr;

  void (*release_frame)(Frame*) = nullptr;
  int (*embedded_frames_count)(Frame*, Error**) = nullptr;
  Frame* (*extract_frame)(Frame*, int, Error**) = nullptr;
  const Profile* (*get_frame_stream_profile)(const Frame*, Error**) = nullptr;
  const void* (*get_frame_data)(const Frame*, Error**) = nullptr;
  int (*get_frame_width)(const Frame*, Error**) = nullptr;
  int (*get_frame_height)(const Frame*, Error**) = nullptr;
  int (*get_frame_stride_in_bytes)(const Frame*, Error**) = nullptr;
  unsigned long long (*get_frame_number)(const Frame*, Error**) = nullptr;
  double (*get_frame_timestamp)(const Frame*, Error**) = nullptr;
  int (*get_frame_timestamp_domain)(const Frame*, Error**) = nullptr;
  int (*supports_frame_metadata)(const Frame*, int, Error**) = nullptr;
  long long (*get_frame_metadata)(const Frame*, int, Error**) = nullptr;
  float (*depth_frame_get_units)(const Frame*, Error**) = nullptr;
};

}  // namespace retain::rs
