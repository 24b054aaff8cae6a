#pragma once

#include <pybind11/pybind11.h>

namespace retain::bind {

/// Adds the submodule `realsense` to retain._core. To be called after bind_runtime, which registers Camera.
void bind_realsense(pybind11::module_& core);

}  // namespace retain::bind
