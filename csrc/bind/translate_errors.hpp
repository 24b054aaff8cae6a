// The translation of retain's exceptions to their Python twins in retain.errors, for every extension module.
#pragma once

#include <exception>

namespace retain::bind {

/// For pybind11::register_exception_translator.
void translate_errors(std::exception_ptr error);

}  // namespace retain::bind
