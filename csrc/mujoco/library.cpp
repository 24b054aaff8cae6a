#include "mujoco/library.hpp"

#include <dlfcn.h>

#include <string>

#include "error.hpp"

namespace retain::mujoco {

namespace {

template <typename Function>
void resolve(void* handle, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(handle, name));
  if (function == nullptr) throw DeviceError(std::string("libmujoco has no function ") + name);
}

}  // namespace

std::shared_ptr<const Library> load_library(const std::filesystem::path& file) {
  void* const handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    throw DeviceError("cannot load MuJoCo (" + std::string(dlerror()) + "); run: pip install 'retain-vla[sim]'");
  }
  decltype(&mj_version) version = nullptr;
  resolve(handle, "mj_version", version);
  if (version() != mjVERSION_HEADER) {
    throw DeviceError(
        "retain._mujoco was compiled for MuJoCo " + std::to_string(mjVERSION_HEADER) + " and " + file.string() +
        " is " + std::to_string(version()) +
        "; install the matching release with: pip install 'retain-vla[sim]', or rebuild retain against this one");
  }
  auto library = std::make_shared<Library>();
  resolve(handle, "mj_addBufferVFS", library->add_buffer_vfs);
  resolve(handle, "mj_defaultVFS", library->default_vfs);
  resolve(handle, "mj_deleteVFS", library->delete_vfs);
  resolve(handle, "mj_loadXML", library->load_xml);
  resolve(handle, "mj_deleteModel", library->delete_model);
  resolve(handle, "mj_makeData", library->make_data);
  resolve(handle, "mj_deleteData", library->delete_data);
  resolve(handle, "mj_forward", library->forward);
  resolve(handle, "mj_kinematics", library->kinematics);
  resolve(handle, "mj_camlight", library->camlight);
  resolve(handle, "mj_step", library->step);
  resolve(handle, "mj_name2id", library->name2id);
  resolve(handle, "mju_negQuat", library->neg_quat);
  resolve(handle, "mju_mulQuat", library->mul_quat);
  resolve(handle, "mju_rotVecQuat", library->rot_vec_quat);
  resolve(handle, "mjv_defaultScene", library->default_scene);
  resolve(handle, "mjv_makeScene", library->make_scene);
  resolve(handle, "mjv_freeScene", library->free_scene);
  resolve(handle, "mjv_defaultOption", library->default_option);
  resolve(handle, "mjv_defaultCamera", library->default_camera);
  resolve(handle, "mjv_updateScene", library->update_scene);
  resolve(handle, "mjr_defaultContext", library->default_context);
  resolve(handle, "mjr_makeContext", library->make_context);
  resolve(handle, "mjr_freeContext", library->free_context);
  resolve(handle, "mjr_resizeOffscreen", library->resize_offscreen);
  resolve(handle, "mjr_setBuffer", library->set_buffer);
  resolve(handle, "mjr_render", library->render);
  resolve(handle, "mjr_readPixels", library->read_pixels);
  return library;
}

}  // namespace retain::mujoco
