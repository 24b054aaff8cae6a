#pragma once

#include <pybind11/pybind11.h>

namespace retain::bind {

/// Adds the submodule `engine`: open ONNX Runtime on a bundle's graphs, run prefix and step on numpy arrays.
void bind_engine(pybind11::module_& parent);

}  // namespace retain::bind
