// retain._core.runtime, the part without devices: the limiter and the guidance of real-time chunking.
#pragma once

#include <pybind11/pybind11.h>

namespace retain::bind {

void bind_motion(pybind11::module_& m);

}  // namespace retain::bind
