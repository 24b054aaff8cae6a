#include "bind/translate_errors.hpp"

#include <pybind11/pybind11.h>

#include "error.hpp"

namespace py = pybind11;

namespace retain::bind {

namespace {

void raise(const char* name, const char* message) {
  py::object type = py::module_::import("retain.errors").attr(name);
  PyErr_SetString(type.ptr(), message);
}

}  // namespace

void translate_errors(std::exception_ptr p) {
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

}  // namespace retain::bind
