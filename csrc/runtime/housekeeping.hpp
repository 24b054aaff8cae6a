// The body of the thread that looks after the process: its heat, and the service manager that started it.
#pragma once

#include <memory>

#include "runtime/loop.hpp"

namespace retain {

/// Until the loop ends: reads the thermal zones ten times a second and slows or stops the arm by what they say; tells a
/// service manager that the loop is ready, what it does, that its tick advances, and that it stops.
void run_housekeeping(std::shared_ptr<LoopParts> parts);

}  // namespace retain
