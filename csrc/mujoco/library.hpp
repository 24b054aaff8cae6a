// MuJoCo's C API, loaded at run time from the wheel: no link-time dependency, one copy with Python's `import mujoco`.
#pragma once

#include <mujoco/mujoco.h>

#include <filesystem>
#include <memory>

namespace retain::mujoco {

/// The functions used, under their own names without the prefix.
struct Library {
  decltype(&mj_addBufferVFS) add_buffer_vfs = nullptr;
  decltype(&mj_defaultVFS) default_vfs = nullptr;
  decltype(&mj_deleteVFS) delete_vfs = nullptr;
  decltype(&mj_loadXML) load_xml = nullptr;
  decltype(&mj_deleteModel) delete_model = nullptr;
  decltype(&mj_makeData) make_data = nullptr;
  decltype(&mj_deleteData) delete_data = nullptr;
  decltype(&mj_forward) forward = nullptr;
  decltype(&mj_kinematics) kinematics = nullptr;
  decltype(&mj_camlight) camlight = nullptr;
  decltype(&mj_step) step = nullptr;
  decltype(&mj_name2id) name2id = nullptr;
  decltype(&mju_negQuat) neg_quat = nullptr;
  decltype(&mju_mulQuat) mul_quat = nullptr;
  decltype(&mju_rotVecQuat) rot_vec_quat = nullptr;
  decltype(&mjv_defaultScene) default_scene = nullptr;
  decltype(&mjv_makeScene) make_scene = nullptr;
  decltype(&mjv_freeScene) free_scene = nullptr;
  decltype(&mjv_defaultOption) default_option = nullptr;
  decltype(&mjv_defaultCamera) default_camera = nullptr;
  decltype(&mjv_updateScene) update_scene = nullptr;
  decltype(&mjr_defaultContext) default_context = nullptr;
  decltype(&mjr_makeContext) make_context = nullptr;
  decltype(&mjr_freeContext) free_context = nullptr;
  decltype(&mjr_resizeOffscreen) resize_offscreen = nullptr;
  decltype(&mjr_setBuffer) set_buffer = nullptr;
  decltype(&mjr_render) render = nullptr;
  decltype(&mjr_readPixels) read_pixels = nullptr;
};

/// Loads libmujoco. It stays loaded until the process ends.
/// @throw DeviceError if the file cannot be loaded or is not the release whose headers this was compiled with: MuJoCo's
/// structures change between releases, so another one would read garbage.
std::shared_ptr<const Library> load_library(const std::filesystem::path& file);

}  // namespace retain::mujoco
