#include "bind/bind_rehearsal.hpp"

#include "rehearsal/rehearsal.hpp"

namespace py = pybind11;

namespace retain::bind {

namespace {

template <typename T>
void bind_switch(py::class_<Rehearsal, std::shared_ptr<Rehearsal>>& cls, const char* name,
                 std::atomic<T> Rehearsal::* member) {
  cls.def_property(
      name, [member](const Rehearsal& rehearsal) { return (rehearsal.*member).load(); },
      [member](Rehearsal& rehearsal, T value) { (rehearsal.*member).store(value); });
}

}  // namespace

void bind_rehearsal(py::module_& core) {
  py::module_ m = core.def_submodule("rehearsal", "A robot, a camera and an engine that fail on demand.");
  py::class_<Rehearsal, std::shared_ptr<Rehearsal>> rehearsal(m, "Rehearsal", "What goes wrong at the moment.");
  rehearsal.def(py::init<>());
  bind_switch(rehearsal, "camera_silent", &Rehearsal::camera_silent);
  bind_switch(rehearsal, "camera_lost", &Rehearsal::camera_lost);
  bind_switch(rehearsal, "camera_repeats", &Rehearsal::camera_repeats);
  bind_switch(rehearsal, "not_a_number", &Rehearsal::not_a_number);
  bind_switch(rehearsal, "delay_s", &Rehearsal::delay_s);
  bind_switch(rehearsal, "displaced", &Rehearsal::displaced);
  bind_switch(rehearsal, "hot", &Rehearsal::hot);
  bind_switch(rehearsal, "robot_silent", &Rehearsal::robot_silent);

  py::class_<RehearsedEngine, Engine, std::shared_ptr<RehearsedEngine>>(m, "RehearsedEngine")
      .def(py::init([](std::shared_ptr<Engine> engine, std::shared_ptr<Rehearsal> script) {
             return std::make_shared<RehearsedEngine>(std::move(engine), std::move(script));
           }),
           py::arg("engine"), py::arg("rehearsal"));
  py::class_<RehearsedCamera, Camera, std::shared_ptr<RehearsedCamera>>(m, "RehearsedCamera")
      .def(py::init([](std::shared_ptr<Camera> camera, std::shared_ptr<Rehearsal> script) {
             return std::make_shared<RehearsedCamera>(std::move(camera), std::move(script));
           }),
           py::arg("camera"), py::arg("rehearsal"));
  py::class_<RehearsedRobot, Robot, std::shared_ptr<RehearsedRobot>>(m, "RehearsedRobot")
      .def(py::init([](std::shared_ptr<Robot> robot, std::shared_ptr<Rehearsal> script) {
             return std::make_shared<RehearsedRobot>(std::move(robot), std::move(script));
           }),
           py::arg("robot"), py::arg("rehearsal"));
}

}  // namespace retain::bind
