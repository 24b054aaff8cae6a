#pragma once

#include <pybind11/pybind11.h>

namespace retain::bind {

/// Adds the submodule `feetech`: the driver of Feetech's serial servos. After bind_runtime, which registers Robot.
void bind_feetech(pybind11::module_& parent);

}  // namespace retain::bind
