# The standard library's headers are read once per build, not once per source file: reading them is most of what compiling
# one of ours takes. Inside somebody else's project nothing is precompiled, so the test `as_a_library` compiles each file
# with what it includes itself.
#   retain_precompile(<name> <header>...)    an object library that holds these headers, to be given to
#                                            target_precompile_headers(<target> REUSE_FROM <name>)
if(NOT PROJECT_IS_TOP_LEVEL)
  set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON)
endif()
set(RETAIN_COMMON_HEADERS <algorithm> <array> <atomic> <chrono> <cmath> <cstdint> <filesystem> <functional> <map> <memory>
  <mutex> <optional> <random> <span> <string> <string_view> <thread> <vector>)

function(retain_precompile name)
  file(CONFIGURE OUTPUT ${name}.cpp CONTENT "// Precompiled headers belong to a target, and a target has a source.\n")
  add_library(${name} OBJECT ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp)
  target_link_libraries(${name} PRIVATE retain_options Threads::Threads)
  target_precompile_headers(${name} PRIVATE ${ARGN})
endfunction()
