// retain._core.realsense: RealSense cameras; retain.runtime.realsense is their face.
#include "bind/bind_realsense.hpp"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include "camera/realsense/realsense_camera.hpp"

namespace py = pybind11;

namespace retain::bind {

namespace {

rs::Device* device_at(std::uintptr_t address) { return reinterpret_cast<rs::Device*>(address); }

py::object grab_with_depth(RealsenseCamera& camera) {
  Frame frame;
  CameraStatus status;
  {
    const py::gil_scoped_release released;
    status = camera.grab(frame);
  }
  if (status == CameraStatus::lost) return py::bool_(false);
  if (status != CameraStatus::ok) return py::none();
  py::array_t<std::uint8_t> rgb({frame.height, frame.width, std::size_t{3}}, frame.rgb.data());
  py::object depth = py::none();
  if (!frame.depth.empty()) depth = py::array_t<std::uint16_t>({frame.height, frame.width}, frame.depth.data());
  return py::make_tuple(frame.sensor_time_ns, frame.number, rgb, depth, frame.depth_unit_m);
}

void bind_context(py::module_& m) {
  py::class_<rs::DeviceInfo>(m, "DeviceInfo", "A connected camera.")
      .def_readonly("name", &rs::DeviceInfo::name)
      .def_readonly("serial", &rs::DeviceInfo::serial)
      .def_readonly("usb", &rs::DeviceInfo::usb);

  py::class_<rs::Context, std::shared_ptr<rs::Context>>(m, "Context", "librealsense, and the cameras it sees.")
      .def(py::init([](const std::filesystem::path& library) {
             return std::make_shared<rs::Context>(rs::Library::open(library));
           }),
           py::arg("library"), "Load librealsense from a file; DeviceError unless it is 2.55 or a newer 2.")
      .def_property_readonly("version", [](const rs::Context& context) { return context.library().version(); })
      .def("devices", &rs::Context::devices, py::call_guard<py::gil_scoped_release>(), "What is connected now.")
      .def(
          "attach", [](rs::Context& context, std::uintptr_t address) { context.attach(device_at(address)); },
          py::arg("address"), "Add an rs2_device that other code made with the same library, and keeps alive.")
      .def(
          "detach", [](rs::Context& context, std::uintptr_t address) { context.detach(device_at(address)); },
          py::arg("address"), "As if an attached device were unplugged.");
}

}  // namespace

void bind_realsense(py::module_& core) {
  py::module_ m = core.def_submodule("realsense", "RealSense cameras; retain.runtime.realsense is their face.");
  bind_context(m);

  py::class_<RealsenseCamera, Camera, std::shared_ptr<RealsenseCamera>>(m, "RealsenseCamera",
                                                                        "A RealSense camera, or a recording of one.")
      .def(py::init([](std::shared_ptr<rs::Context> context, std::string role, std::string serial,
                       const std::optional<std::filesystem::path>& recording, bool repeat, std::size_t height,
                       std::size_t width, std::size_t mode_height, std::size_t mode_width, int fps, bool crop_to_square,
                       bool depth, std::optional<bool> auto_exposure, std::optional<double> exposure,
                       std::optional<double> gain, int warm_up_frames, double timeout_s) {
             RealsenseSpec spec;
             spec.role = std::move(role);
             spec.serial = std::move(serial);
             spec.recording = recording.value_or(std::filesystem::path());
             spec.repeat = repeat;
             spec.height = height;
             spec.width = width;
             spec.stream = {{mode_width, mode_height, fps}, depth, auto_exposure, exposure, gain};
             spec.crop_to_square = crop_to_square;
             spec.warm_up_frames = warm_up_frames;
             spec.timeout_s = timeout_s;
             const py::gil_scoped_release released;
             return std::make_shared<RealsenseCamera>(std::move(context), std::move(spec));
           }),
           py::arg("context"), py::kw_only(), py::arg("role"), py::arg("serial"), py::arg("recording"),
           py::arg("repeat"), py::arg("height"), py::arg("width"), py::arg("mode_height"), py::arg("mode_width"),
           py::arg("fps"), py::arg("crop_to_square"), py::arg("depth"), py::arg("auto_exposure"), py::arg("exposure"),
           py::arg("gain"), py::arg("warm_up_frames"), py::arg("timeout_s"))
      .def_property_readonly("serial", &RealsenseCamera::serial)
      .def("open", &RealsenseCamera::open, py::call_guard<py::gil_scoped_release>())
      .def("close", &RealsenseCamera::close, py::call_guard<py::gil_scoped_release>())
      .def("grab_with_depth", &grab_with_depth,
           "The next frame as (sensor time in ns, number, uint8[H, W, 3], uint16[H, W] or None, metres per unit); None "
           "where none came, False where the camera is lost.");
}

}  // namespace retain::bind
