#include <doctest.h>

#include "engine/onnxruntime_library.hpp"
#include "error.hpp"

namespace retain {

TEST_CASE("a missing library is one sentence that says what to install") {
  CHECK_THROWS_WITH_AS(OnnxRuntimeLibrary::open("/nowhere/libonnxruntime.so"), doctest::Contains("pip install"),
                       EngineError);
}

TEST_CASE("a library that is something else is recognized") {
  CHECK_THROWS_WITH_AS(OnnxRuntimeLibrary::open("libm.so.6"), doctest::Contains("OrtGetApiBase"), EngineError);
}

TEST_CASE("the library tells its version and can be opened twice") {
  const auto first = OnnxRuntimeLibrary::open(RETAIN_ONNXRUNTIME);
  const auto second = OnnxRuntimeLibrary::open(RETAIN_ONNXRUNTIME);
  CHECK(first->version() == second->version());
  CHECK(first->version().find('.') != std::string::npos);
}

}  // namespace retain
