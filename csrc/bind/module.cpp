// The extension module retain._core: one submodule per concept, and the translation of retain's exceptions.
#include <pybind11/pybind11.h>

#include "bind/bind_engine.hpp"
#include "bind/bind_merge.hpp"
#include "error.hpp"

namespace py = pybind11;

namespace {

void raise(const char* name, const char* message) {
  py::object type = py::module_::import("retain.errors").attr(name);
  PyErr_SetString(type.ptr(), message);
}

void translate(std::exception_ptr p) {
  try {
    if (p) std::rethrow_exception(p);
  } catch (const retain::CheckpointError& e) {
    raise("CheckpointError", e.what());
  } catch (const retain::MergeError& e) {
    raise("MergeError", e.what());
  } catch (const retain::EngineError& e) {
    raise("EngineError", e.what());
  } catch (const retain::DeviceError& e) {
    raise("DeviceError", e.what());
  } catch (const retain::ConfigError& e) {
    raise("ConfigError", e.what());
  } catch (const retain::Error& e) {
    raise("RetainError", e.what());
  }
}

}  // namespace

PYBIND11_MODULE(_core, m) {
  m.doc() = "retain's C++ core";
  py::register_exception_translator(&translate);
  retain::bind::bind_engine(m);
  retain::bind::bind_merge(m);
}
