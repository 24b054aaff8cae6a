// retain._mujoco: the simulated arm and camera. A module of its own, so that retain._core exists where MuJoCo does not.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include "bind/translate_errors.hpp"
#include "camera/mujoco_camera.hpp"
#include "robot/mujoco_robot.hpp"

namespace py = pybind11;

namespace {

using namespace retain;

/// What Python looks at while the loop runs: it has its own feed, and the GIL makes it the one reader.
class Onlooker {
 public:
  explicit Onlooker(MujocoRobot& robot) : feed_(robot.subscribe()) {}

  py::object snapshot() {
    feed_->update();
    const mujoco::Snapshot& now = feed_->front();
    if (now.number == 0) return py::none();
    using py::literals::operator""_a;
    return py::dict(
        "time_ns"_a = now.time_ns, "number"_a = now.number, "simulated_s"_a = now.simulated_s,
        "qpos"_a = py::array_t<double>(static_cast<py::ssize_t>(now.qpos.size()), now.qpos.data()),
        "eq_active"_a = py::array_t<std::uint8_t>(static_cast<py::ssize_t>(now.eq_active.size()), now.eq_active.data()),
        "suction"_a = now.suction);
  }

 private:
  std::shared_ptr<mujoco::SnapshotFeed> feed_;
};

}  // namespace

PYBIND11_MODULE(_mujoco, m) {
  m.doc() = "The simulated arm and camera in C++; retain.runtime.mujoco is their face.";
  py::register_exception_translator(&retain::bind::translate_errors);
  py::module_::import("retain._core");  // registers Robot and Camera, the bases

  py::class_<mujoco::Library, std::shared_ptr<mujoco::Library>>(m, "Library", "libmujoco, loaded.");
  m.def(
      "load_library",
      [](const std::filesystem::path& file) {
        return std::const_pointer_cast<mujoco::Library>(mujoco::load_library(file));
      },
      py::arg("file"), "Load libmujoco from a file; DeviceError unless it is the release this was compiled for.");
  m.attr("HEADER_VERSION") = mjVERSION_HEADER;

  py::class_<SuctionSpec>(m, "SuctionSpec")
      .def(py::init<std::string, std::string, std::vector<std::string>, std::vector<std::string>, double, double,
                    double>(),
           py::arg("cup_site"), py::arg("cup_body"), py::arg("block_bodies"), py::arg("welds"),
           py::arg("radial_reach_m"), py::arg("axial_reach_m"), py::arg("block_half_m"));
  py::class_<MujocoScene>(m, "Scene")
      .def(py::init<std::string, std::vector<double>, std::vector<double>, std::vector<std::string>, std::string,
                    SuctionSpec>(),
           py::arg("xml"), py::arg("qpos"), py::arg("ctrl"), py::arg("joints"), py::arg("suction_channel"),
           py::arg("suction"));

  py::class_<MujocoRobot, Robot, std::shared_ptr<MujocoRobot>>(m, "MujocoRobot", "The simulated arm, in real time.")
      .def(py::init([](std::shared_ptr<mujoco::Library> library, const MujocoScene& scene) {
             return std::make_shared<MujocoRobot>(std::move(library), scene);
           }),
           py::arg("library"), py::arg("scene"))
      .def_property_readonly("physics_dt_s", &MujocoRobot::physics_dt_s);

  py::class_<Onlooker>(m, "Onlooker", "A view on the arm's physics while a loop runs. To be made before it starts.")
      .def(py::init<MujocoRobot&>(), py::arg("robot"))
      .def("snapshot", &Onlooker::snapshot,
           "The newest physics as {time_ns, number, simulated_s, qpos[nq], eq_active[neq], suction}, or None.");

  py::class_<MujocoCamera, Camera, std::shared_ptr<MujocoCamera>>(m, "MujocoCamera", "A camera of the scene, by EGL.")
      .def(py::init([](std::shared_ptr<mujoco::Library> library, const std::string& xml, std::string role,
                       std::string camera, std::size_t height, std::size_t width, double rate_hz, MujocoRobot& robot) {
             const MujocoCameraSpec spec{std::move(role), std::move(camera), height, width, rate_hz};
             return std::make_shared<MujocoCamera>(std::move(library), xml, spec, robot.subscribe());
           }),
           py::arg("library"), py::arg("xml"), py::kw_only(), py::arg("role"), py::arg("camera"), py::arg("height"),
           py::arg("width"), py::arg("rate_hz"), py::arg("robot"));
}
