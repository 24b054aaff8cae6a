// retain._core.devices: the slots that Python drivers fill, an engine that plays a script, and the first check of both.
#include "bind/bind_devices.hpp"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <string>

#include "camera/slot_camera.hpp"
#include "camera/square_crop.hpp"
#include "engine/script_engine.hpp"
#include "error.hpp"
#include "robot/slot_robot.hpp"
#include "runtime/communication_check.hpp"

namespace py = pybind11;

namespace retain::bind {

namespace {

using Positions = py::array_t<double, py::array::c_style | py::array::forcecast>;
using Pixels = py::array_t<std::uint8_t, py::array::c_style>;

// No call here lets go of the GIL: a daemon thread that asked for it again while the interpreter ends would be killed
// inside C++ frames. A frame's copy is the longest of them, well below a millisecond.
void bind_slots(py::module_& m) {
  py::class_<SlotRobot, Robot, std::shared_ptr<SlotRobot>>(
      m, "SlotRobot", "An arm whose driver is a Python thread; the loop's tick never waits for it.")
      .def(py::init([](const std::vector<std::pair<std::string, std::string>>& channels) {
             std::vector<RobotChannel> made;
             for (const auto& [name, unit] : channels) made.push_back({name, unit});
             return std::make_shared<SlotRobot>(std::move(made));
           }),
           py::arg("channels"), "Channels as (name, unit).")
      .def(
          "push_state",
          [](SlotRobot& robot, std::int64_t time_ns, const Positions& positions) {
            return robot.push_state(time_ns, {positions.data(), static_cast<std::size_t>(positions.size())});
          },
          py::arg("time_ns"), py::arg("positions"), "A measured state; False if it is not newer than the last one.")
      .def(
          "take_command",
          [](SlotRobot& robot) -> py::object {
            py::array_t<double> command(static_cast<py::ssize_t>(robot.channels().size()));
            if (!robot.take_command({command.mutable_data(), robot.channels().size()})) return py::none();
            return command;
          },
          "The newest command float64[channels] if one came since the last call, or None.")
      .def_property_readonly("dropped", &SlotRobot::dropped, "Whether the loop has stopped streaming for good.")
      .def("end", &SlotRobot::end, py::arg("reason"), "The driver is gone; the arm is silent from now on.");

  py::class_<SlotCamera, Camera, std::shared_ptr<SlotCamera>>(m, "SlotCamera",
                                                              "A camera whose driver is a Python thread.")
      .def(py::init<std::string, std::size_t, std::size_t, bool>(), py::arg("role"), py::arg("height"),
           py::arg("width"), py::arg("noisy") = true)
      .def(
          "push",
          [](SlotCamera& camera, std::int64_t sensor_time_ns, const Pixels& rgb) {
            return camera.push(sensor_time_ns, {rgb.data(), static_cast<std::size_t>(rgb.size())});
          },
          py::arg("sensor_time_ns"), py::arg("rgb").noconvert(),
          "A frame uint8[H, W, 3]; False if it is not newer than the last one.")
      .def("end", &SlotCamera::end, py::arg("reason"), "The driver is gone; the camera is lost from now on.")
      .def_property_readonly("refused", &SlotCamera::refused, "Frames that were not newer than the last.");
}

/// What Python's cameras hand over is looked at: the crop itself believes its caller.
struct PictureCrop {
  py::ssize_t height;
  py::ssize_t width;
  py::ssize_t size;
  SquareCrop crop;
};

void bind_crop(py::module_& m) {
  py::class_<PictureCrop>(m, "SquareCrop", "The central square of a picture, made smaller by averaging areas.")
      .def(py::init([](std::size_t height, std::size_t width, std::size_t size) {
             return PictureCrop{static_cast<py::ssize_t>(height), static_cast<py::ssize_t>(width),
                                static_cast<py::ssize_t>(size), SquareCrop(height, width, size)};
           }),
           py::arg("height"), py::arg("width"), py::arg("size"), "ConfigError where something would be enlarged.")
      .def(
          "__call__",
          [](PictureCrop& self, const Pixels& rgb) {
            if (rgb.ndim() != 3 || rgb.shape(0) != self.height || rgb.shape(1) != self.width || rgb.shape(2) != 3) {
              throw ConfigError("expected a picture uint8[" + std::to_string(self.height) + ", " +
                                std::to_string(self.width) + ", 3]");
            }
            py::array_t<std::uint8_t> out({self.size, self.size, py::ssize_t{3}});
            self.crop.colors({rgb.data(), static_cast<std::size_t>(self.width * 3)},
                             {out.mutable_data(), static_cast<std::size_t>(out.size())});
            return out;
          },
          py::arg("rgb").noconvert(), "uint8[height, width, 3], contiguous, to uint8[size, size, 3].");
}

void bind_script(py::module_& m) {
  using Rows = py::array_t<float, py::array::c_style | py::array::forcecast>;
  py::class_<ScriptEngine, Engine, std::shared_ptr<ScriptEngine>>(m, "ScriptEngine",
                                                                  "Answers every request with the same rows.")
      .def(py::init([](const std::vector<std::tuple<std::string, std::size_t, std::size_t>>& images,
                       std::size_t state_dim, const Rows& rows) {
             if (rows.ndim() != 2) throw EngineError("a script's rows are float32[rows, channels]");
             std::vector<ImageSpec> specs;
             for (const auto& [role, height, width] : images) specs.push_back({role, height, width});
             std::vector<float> chunk(rows.data(), rows.data() + rows.size());
             return std::make_shared<ScriptEngine>(
                 std::move(specs), state_dim, static_cast<std::size_t>(rows.shape(0)),
                 static_cast<std::size_t>(rows.shape(1)),
                 [chunk = std::move(chunk)](std::span<const float>, std::span<float> out) {
                   std::copy(chunk.begin(), chunk.end(), out.begin());
                 });
           }),
           py::arg("images"), py::arg("state_dim"), py::arg("rows"), "Images as (role, height, width).");
}

py::dict as_dict(const LatencySummary& latency) {
  using py::literals::operator""_a;
  return py::dict("count"_a = latency.count, "mean_s"_a = latency.mean_s, "p50_s"_a = latency.p50_s,
                  "p99_s"_a = latency.p99_s, "p999_s"_a = latency.p999_s, "max_s"_a = latency.max_s);
}

py::dict as_dict(const CommunicationReport& report) {
  using py::literals::operator""_a;
  py::list cameras;
  for (const CameraCommunication& camera : report.cameras) {
    cameras.append(py::dict("role"_a = camera.role, "frames"_a = camera.frames, "interval"_a = as_dict(camera.interval),
                            "age"_a = as_dict(camera.age)));
  }
  py::list realtime;
  for (const RealtimeGrant& grant : report.realtime) {
    realtime.append(py::dict("what"_a = grant.what, "granted"_a = grant.granted, "reason"_a = grant.reason));
  }
  py::list counts;
  for (const RobotCount& one : report.counts) counts.append(py::make_tuple(one.what, one.count));
  return py::dict("duration_s"_a = report.duration_s, "ticks"_a = report.ticks, "skipped"_a = report.skipped,
                  "states"_a = report.states, "commands"_a = report.commands, "lateness"_a = as_dict(report.lateness),
                  "device"_a = as_dict(report.device), "state_interval"_a = as_dict(report.state_interval),
                  "state_age"_a = as_dict(report.state_age), "cameras"_a = cameras, "counts"_a = counts,
                  "realtime"_a = realtime);
}

py::dict check(Robot& robot, const std::vector<std::shared_ptr<Camera>>& cameras, double rate_hz, double duration_s,
               const RealtimeRequest& realtime) {
  CommunicationReport report;
  std::exception_ptr interruption;
  {
    const py::gil_scoped_release released;
    report = check_communication(robot, cameras, rate_hz, duration_s, realtime, [&interruption] {
      const py::gil_scoped_acquire acquired;
      if (!interruption && PyErr_CheckSignals() != 0) {
        interruption = std::make_exception_ptr(py::error_already_set());
      }
      return interruption != nullptr;
    });
  }
  if (interruption) std::rethrow_exception(interruption);
  return as_dict(report);
}

}  // namespace

void bind_devices(py::module_& core) {
  py::module_ m = core.def_submodule("devices", "Devices driven from Python; retain.runtime is their face.");
  bind_slots(m);
  bind_crop(m);
  bind_script(m);
  m.def("check_communication", &check, py::arg("robot"), py::arg("cameras"), py::arg("rate_hz"), py::arg("duration_s"),
        py::arg("realtime"), "Tell the arm to stay where it stands, watch the cameras; what was measured.");
}

}  // namespace retain::bind
