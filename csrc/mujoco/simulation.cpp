#include "mujoco/simulation.hpp"

#include <array>

#include "error.hpp"

namespace retain::mujoco {

namespace {

mjModel* compile(const Library& api, const std::string& xml) {
  constexpr const char* kFile = "scene.xml";
  mjVFS files;
  api.default_vfs(&files);
  std::array<char, 512> error{};
  mjModel* model = nullptr;
  if (api.add_buffer_vfs(&files, kFile, xml.data(), static_cast<int>(xml.size())) == 0) {
    model = api.load_xml(kFile, &files, error.data(), static_cast<int>(error.size()));
  }
  api.delete_vfs(&files);
  if (model == nullptr) throw DeviceError(std::string("MuJoCo cannot compile the scene: ") + error.data());
  return model;
}

}  // namespace

Simulation::Simulation(std::shared_ptr<const Library> library, const std::string& xml)
    : library_(std::move(library)),
      model_(compile(*library_, xml), library_->delete_model),
      data_(library_->make_data(model_.get()), library_->delete_data) {
  if (!data_) throw DeviceError("MuJoCo has no memory for the scene's state");
}

int Simulation::id(mjtObj kind, const std::string& name, const char* what) const {
  const int found = library_->name2id(model_.get(), kind, name.c_str());
  if (found < 0) throw DeviceError(std::string("the scene has no ") + what + " named " + name);
  return found;
}

}  // namespace retain::mujoco
