#pragma once

#include <pybind11/pybind11.h>

namespace retain::bind {

/// Adds the submodule `merge` to retain._core.
void bind_merge(pybind11::module_& core);

}  // namespace retain::bind
