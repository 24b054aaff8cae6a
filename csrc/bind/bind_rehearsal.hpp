// retain._core.rehearsal: devices that fail on demand.
#pragma once

#include <pybind11/pybind11.h>

namespace retain::bind {

/// After bind_engine and bind_runtime, whose classes it wraps.
void bind_rehearsal(pybind11::module_& core);

}  // namespace retain::bind
