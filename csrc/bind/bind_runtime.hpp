#pragma once

#include <pybind11/pybind11.h>

namespace retain::bind {

/// Adds the submodule `runtime` to retain._core.
void bind_runtime(pybind11::module_& core);

}  // namespace retain::bind
