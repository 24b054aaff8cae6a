# The robot's last gate is std::isfinite; -ffast-math (and -Ofast, -ffinite-math-only) compiles it to `true`.
include(CheckCXXSourceCompiles)
set(_retain_build_flags "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_DEBUG} ${CMAKE_CXX_FLAGS_RELEASE} ${CMAKE_CXX_FLAGS_RELWITHDEBINFO} ${CMAKE_CXX_FLAGS_MINSIZEREL}")
if(_retain_build_flags MATCHES "-Ofast|-ffast-math|-ffinite-math-only")
  message(FATAL_ERROR
    "retain must not be compiled with fast-math: NaN checks would be removed. Found it in the flags:${_retain_build_flags}\n"
    "Take -Ofast, -ffast-math and -ffinite-math-only out of CXXFLAGS / CMAKE_CXX_FLAGS.")
endif()
check_cxx_source_compiles("
  #if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
  #error fast-math
  #endif
  int main() { return 0; }" RETAIN_MATH_IS_IEEE)
if(NOT RETAIN_MATH_IS_IEEE)
  message(FATAL_ERROR "the compiler's defaults enable finite-math-only; retain's NaN checks need IEEE semantics")
endif()
