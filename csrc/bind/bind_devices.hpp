#pragma once

#include <pybind11/pybind11.h>

namespace retain::bind {

/// Adds the submodule `devices` to retain._core. After bind_engine and bind_runtime, which register its bases.
void bind_devices(pybind11::module_& core);

}  // namespace retain::bind
