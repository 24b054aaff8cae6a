// Which instruction sets this machine can run, best first.
#pragma once

#include <string_view>
#include <vector>

#include "merge/kernel.hpp"

namespace retain::merge {

/// The kernels this machine can run, fastest first; scalar is always the last.
const std::vector<const KernelTable*>& available_kernels();

/// The kernels named `isa`, or the fastest for an empty name.
/// @throw MergeError if this machine cannot run them; the message lists those it can.
const KernelTable& choose_kernels(std::string_view isa);

}  // namespace retain::merge
