// retain._core.runtime, the loop: in real time with its threads, and under a simulated clock.
#pragma once

#include <pybind11/pybind11.h>

namespace retain::bind {

void bind_loop(pybind11::module_& m);

}  // namespace retain::bind
