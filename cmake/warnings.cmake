# One interface target that every target of ours links: warnings are errors in our own build, sanitizers are a build option.
add_library(retain_options INTERFACE)
target_compile_options(retain_options INTERFACE -Wall -Wextra -Wconversion -Wshadow)
if(PROJECT_IS_TOP_LEVEL AND NOT RETAIN_SANITIZE)
  # Whoever builds retain inside a project of theirs has a compiler that we have not seen. Code with a sanitizer's checks in
  # it makes GCC warn of what isn't there (array-bounds inside std::string); the same sources are compiled without them too.
  target_compile_options(retain_options INTERFACE -Werror)
endif()
target_include_directories(retain_options INTERFACE ${PROJECT_SOURCE_DIR}/csrc)
if(RETAIN_SANITIZE)
  # -g1: a report needs functions and lines; variables and types would be half of what the compiler writes.
  target_compile_options(retain_options INTERFACE -fsanitize=${RETAIN_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -g1)
  target_link_options(retain_options INTERFACE -fsanitize=${RETAIN_SANITIZE})
endif()
if(RETAIN_FUZZ)
  # Comparisons are not traced: those of loops over weights would take most of the time and tell nothing.
  target_compile_options(retain_options INTERFACE -fsanitize=fuzzer-no-link,address,undefined
    -fno-sanitize-coverage=trace-cmp -fno-omit-frame-pointer -fno-sanitize-recover=all -g)
  target_link_options(retain_options INTERFACE -fsanitize=address,undefined)
endif()
