// The extension module retain._core: one submodule per concept.
#include <pybind11/pybind11.h>

#include "bind/bind_devices.hpp"
#include "bind/bind_engine.hpp"
#include "bind/bind_feetech.hpp"
#include "bind/bind_merge.hpp"
#include "bind/bind_realsense.hpp"
#include "bind/bind_rehearsal.hpp"
#include "bind/bind_runtime.hpp"
#include "bind/translate_errors.hpp"

namespace py = pybind11;

PYBIND11_MODULE(_core, m) {
  m.doc() = "retain's C++ core";
  py::register_exception_translator(&retain::bind::translate_errors);
  retain::bind::bind_engine(m);
  retain::bind::bind_merge(m);
  retain::bind::bind_runtime(m);
  retain::bind::bind_devices(m);
  retain::bind::bind_realsense(m);
  retain::bind::bind_feetech(m);
  retain::bind::bind_rehearsal(m);
}
