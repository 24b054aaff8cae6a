#pragma once

#include <pybind11/pybind11.h>

namespace retain::bind {

/// Adds CrashRing and CrashDump to retain._core.runtime.
void bind_crash_dump(pybind11::module_& runtime);

}  // namespace retain::bind
