// retain._core.runtime: the device interfaces and the loop's configuration; the loop itself is in bind_loop.cpp.
#include "bind/bind_runtime.hpp"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstddef>

#include "bind/bind_crash_dump.hpp"
#include "bind/bind_loop.hpp"
#include "bind/bind_motion.hpp"
#include "camera/camera.hpp"
#include "error.hpp"
#include "robot/robot.hpp"
#include "runtime/loop_config.hpp"

namespace py = pybind11;

namespace retain::bind {

namespace {

void bind_devices(py::module_& m) {
  py::enum_<RobotStatus>(m, "RobotStatus")
      .value("ok", RobotStatus::ok)
      .value("silent", RobotStatus::silent)
      .value("rejected", RobotStatus::rejected)
      .value("stopped", RobotStatus::stopped);

  py::class_<RobotChannel>(m, "RobotChannel", "One channel of a robot: its name and SI unit.")
      .def_readonly("name", &RobotChannel::name)
      .def_readonly("unit", &RobotChannel::unit);

  py::class_<Robot, std::shared_ptr<Robot>>(m, "Robot",
                                            "An arm. While a loop runs it belongs to the loop's tick thread.")
      .def_property_readonly("channels", &Robot::channels)
      .def_property_readonly("paces", &Robot::paces)
      .def("start", &Robot::start, py::call_guard<py::gil_scoped_release>())
      .def("stop", &Robot::stop, py::call_guard<py::gil_scoped_release>())
      .def(
          "counts",
          [](const Robot& robot) {
            py::dict counts;
            for (const RobotCount& trouble : robot.counts()) counts[py::str(trouble.what)] = trouble.count;
            return counts;
          },
          "Trouble that the driver counted, by name.")
      .def(
          "read",
          [](Robot& robot, std::int64_t now_ns) {
            RobotState state;
            const RobotStatus status = robot.read(now_ns, state);
            const auto end = state.position.begin() + static_cast<std::ptrdiff_t>(robot.channels().size());
            return py::make_tuple(status, std::vector<double>(state.position.begin(), end));
          },
          py::arg("now_ns"), "(status, measured positions) at a time of CLOCK_MONOTONIC.")
      .def(
          "write",
          [](Robot& robot, const std::vector<double>& command) {
            if (command.size() != robot.channels().size()) throw DeviceError("one value per channel, please");
            return robot.write(command);
          },
          py::arg("command"), "Send one command, one value per channel.");

  py::class_<Camera, std::shared_ptr<Camera>>(m, "Camera", "A camera. While a loop runs it belongs to its own thread.")
      .def_property_readonly("role", &Camera::role)
      .def_property_readonly("height", &Camera::height)
      .def_property_readonly("width", &Camera::width)
      .def("open", &Camera::open, py::call_guard<py::gil_scoped_release>())
      .def("close", &Camera::close, py::call_guard<py::gil_scoped_release>())
      .def(
          "grab",
          [](Camera& camera) -> py::object {
            Frame frame;
            CameraStatus status;
            {
              const py::gil_scoped_release released;
              status = camera.grab(frame);
            }
            if (status != CameraStatus::ok) return py::none();
            py::array_t<std::uint8_t> image({frame.height, frame.width, std::size_t{3}}, frame.rgb.data());
            return py::make_tuple(frame.sensor_time_ns, frame.number, image);
          },
          "The next frame as (sensor time in ns, number, uint8[H, W, 3]), or None where none came.");
}

void bind_configuration(py::module_& m) {
  py::enum_<Strategy>(m, "Strategy")
      .value("sync", Strategy::sync)
      .value("async_", Strategy::async)
      .value("ensemble", Strategy::ensemble)
      .value("rtc_guided", Strategy::rtc_guided)
      .value("rtc_prefix", Strategy::rtc_prefix);
  py::enum_<Interpolation>(m, "Interpolation")
      .value("linear", Interpolation::linear)
      .value("hold", Interpolation::hold);
  py::enum_<OnViolation>(m, "OnViolation").value("clamp", OnViolation::clamp).value("reject", OnViolation::reject);

  py::class_<StateChannel>(m, "StateChannel")
      .def(py::init<std::string, double, double>(), py::arg("name"), py::arg("offset"), py::arg("scale"));
  py::class_<ActionChannel>(m, "ActionChannel")
      .def(py::init<std::string, double, double, bool>(), py::arg("name"), py::arg("offset"), py::arg("scale"),
           py::arg("delta"));
  py::class_<ChannelLimits>(m, "ChannelLimits")
      .def(py::init<std::string, Interpolation, double, double, double, double, double>(), py::arg("name"),
           py::arg("interpolation"), py::arg("position_min"), py::arg("position_max"), py::arg("velocity"),
           py::arg("acceleration"), py::arg("jerk"));
  py::class_<Instruction>(m, "Instruction")
      .def(py::init<std::vector<std::int64_t>, std::vector<std::uint8_t>>(), py::arg("tokens"), py::arg("mask"));
  py::class_<AdmissionRules>(m, "AdmissionRules")
      .def(py::init<OnViolation, OnViolation, OnViolation, OnViolation>(), py::arg("out_of_bounds"),
           py::arg("too_fast"), py::arg("seam"), py::arg("too_jerky"));
  py::class_<Workspace>(m, "Workspace", "A box that the tool must not leave, in the robot's base frame, m.")
      .def(py::init<std::array<double, 3>, std::array<double, 3>>(), py::arg("low_m"), py::arg("high_m"));
  py::class_<RealtimeRequest>(m, "RealtimeRequest")
      .def(py::init<std::optional<int>, std::optional<int>, bool>(), py::arg("priority"), py::arg("cpu"),
           py::arg("lock_memory"));

  py::enum_<RecordMode>(m, "RecordMode")
      .value("off", RecordMode::off)
      .value("all", RecordMode::all)
      .value("fault", RecordMode::fault);
  py::class_<RecordingConfig>(m, "RecordingConfig")
      .def(py::init<RecordMode, std::string, double, std::map<std::string, std::string>>(), py::arg("mode"),
           py::arg("path"), py::arg("black_box_s"), py::arg("metadata"));

  py::class_<LoopConfig>(m, "LoopConfig", "The loop's configuration; retain.runtime.loop_config fills it.")
      .def(py::init<>())
      .def_readwrite("rate_hz", &LoopConfig::rate_hz)
      .def_readwrite("duration_s", &LoopConfig::duration_s)
      .def_readwrite("strategy", &LoopConfig::strategy)
      .def_readwrite("dt_s", &LoopConfig::dt_s)
      .def_readwrite("execute_rows", &LoopConfig::execute_rows)
      .def_readwrite("flow_steps", &LoopConfig::flow_steps)
      .def_readwrite("row_width", &LoopConfig::row_width)
      .def_readwrite("max_trained_delay", &LoopConfig::max_trained_delay)
      .def_readwrite("guidance_limit", &LoopConfig::guidance_limit)
      .def_readwrite("ensemble_decay", &LoopConfig::ensemble_decay)
      .def_readwrite("overlap_share", &LoopConfig::overlap_share)
      .def_readwrite("seed", &LoopConfig::seed)
      .def_readwrite("state", &LoopConfig::state)
      .def_readwrite("action", &LoopConfig::action)
      .def_readwrite("limits", &LoopConfig::limits)
      .def_readwrite("following_error", &LoopConfig::following_error)
      .def_readwrite("instruction", &LoopConfig::instruction)
      .def_readwrite("admission", &LoopConfig::admission)
      .def_readwrite("max_frame_age_s", &LoopConfig::max_frame_age_s)
      .def_readwrite("state_timeout_s", &LoopConfig::state_timeout_s)
      .def_readwrite("inference_timeout_s", &LoopConfig::inference_timeout_s)
      .def_readwrite("hold_timeout_s", &LoopConfig::hold_timeout_s)
      .def_readwrite("start_timeout_s", &LoopConfig::start_timeout_s)
      .def_readwrite("keep_warm_s", &LoopConfig::keep_warm_s)
      .def_readwrite("frozen_after", &LoopConfig::frozen_after)
      .def_readwrite("attended", &LoopConfig::attended)
      .def_readwrite("workspace", &LoopConfig::workspace)
      .def_readwrite("temperature_limit_c", &LoopConfig::temperature_limit_c)
      .def_readwrite("hot_speed", &LoopConfig::hot_speed)
      .def_readwrite("crash_dump", &LoopConfig::crash_dump)
      .def_readwrite("rejections_to_stop", &LoopConfig::rejections_to_stop)
      .def_readwrite("overruns_per_s_to_stop", &LoopConfig::overruns_per_s_to_stop)
      .def_readwrite("realtime", &LoopConfig::realtime)
      .def_readwrite("log_s", &LoopConfig::log_s)
      .def_readwrite("recording", &LoopConfig::recording);
}

}  // namespace

void bind_runtime(py::module_& core) {
  py::module_ m = core.def_submodule("runtime", "The control loop in C++; retain.runtime is its face.");
  bind_devices(m);
  bind_configuration(m);
  bind_loop(m);
  bind_motion(m);
  bind_crash_dump(m);
}

}  // namespace retain::bind
