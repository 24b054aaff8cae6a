// retain._core.feetech: the driver of Feetech's serial servos; retain.runtime.feetech is its face.
#include "bind/bind_feetech.hpp"

#include <pybind11/stl.h>

#include <memory>

#include "robot/feetech/feetech_robot.hpp"

namespace py = pybind11;

namespace retain::bind {

using feetech::FeetechConfig;
using feetech::FeetechRobot;
using feetech::Motor;
using feetech::Unit;

void bind_feetech(py::module_& parent) {
  using py::literals::operator""_a;
  py::module_ m =
      parent.def_submodule("feetech", "Feetech's serial servos in C++; retain.runtime.feetech is their face.");

  py::enum_<Unit>(m, "Unit").value("radians", Unit::radians).value("ratio", Unit::ratio);
  py::class_<Motor>(m, "Motor", "One servo, as LeRobot's calibration file describes it.")
      .def(py::init<std::string, std::uint8_t, Unit, int, int, int, int>(), py::kw_only(), py::arg("name"),
           py::arg("servo_id"), py::arg("unit"), py::arg("drive_mode"), py::arg("homing_offset"), py::arg("range_min"),
           py::arg("range_max"))
      .def("to_unit", &feetech::to_unit, py::arg("counts"), "Counts in the channel's unit.")
      .def("to_counts", &feetech::to_counts, py::arg("value"),
           "The nearest counts inside the range. Finite values only.");
  m.attr("REST_COUNTS") = feetech::kRestCounts;

  py::class_<FeetechRobot, Robot, std::shared_ptr<FeetechRobot>>(m, "FeetechRobot", "An arm of Feetech's servos.")
      .def(py::init([](std::string port, std::vector<Motor> motors, int baud_rate, double margin_s,
                       bool torque_off_at_stop) {
             FeetechConfig config;
             config.port = std::move(port);
             config.motors = std::move(motors);
             config.baud_rate = baud_rate;
             config.margin_s = margin_s;
             config.torque_off_at_stop = torque_off_at_stop;
             return std::make_shared<FeetechRobot>(std::move(config));
           }),
           py::arg("port"), py::arg("motors"), py::kw_only(), py::arg("baud_rate") = FeetechConfig().baud_rate,
           py::arg("margin_s") = FeetechConfig().margin_s,
           py::arg("torque_off_at_stop") = FeetechConfig().torque_off_at_stop)
      .def("drop", &FeetechRobot::drop, "Send nothing any more.")
      .def(
          "measure",
          [](FeetechRobot& robot, std::int64_t now_ns) {
            RobotState state;
            RobotStatus status;
            {
              const py::gil_scoped_release released;
              status = robot.read(now_ns, state);
            }
            const auto end = state.position.begin() + static_cast<std::ptrdiff_t>(robot.channels().size());
            return py::make_tuple(status, py::dict("time_ns"_a = state.time_ns,
                                                   "position"_a = std::vector<double>(state.position.begin(), end),
                                                   "temperature_c"_a = state.temperature_c, "load"_a = state.load));
          },
          py::arg("now_ns"), "(status, {time_ns, position, temperature_c, load}) at a time of CLOCK_MONOTONIC.");
}

}  // namespace retain::bind
