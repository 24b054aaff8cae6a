#include "merge/dispatch.hpp"

#include <string>

#include "error.hpp"

namespace retain::merge {

const std::vector<const KernelTable*>& available_kernels() {
  static const std::vector<const KernelTable*> kernels = [] {
    std::vector<const KernelTable*> found;
#if defined(__x86_64__)
    // __builtin_cpu_supports also asks whether the operating system saves the wide registers.
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl")) {
      found.push_back(&avx512_kernels());
    }
    // Every processor with AVX2 and FMA has F16C, which older compilers cannot ask for by name.
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found.push_back(&avx2_kernels());
#elif defined(__aarch64__)
    found.push_back(&neon_kernels());
#endif
    found.push_back(&scalar_kernels());
    return found;
  }();
  return kernels;
}

const KernelTable& choose_kernels(std::string_view isa) {
  std::string names;
  for (const KernelTable* kernels : available_kernels()) {
    if (isa.empty() || isa == kernels->isa) return *kernels;
    names += names.empty() ? "" : ", ";
    names += kernels->isa;
  }
  throw MergeError("this machine has no kernels named '" + std::string(isa) + "'; it can run: " + names);
}

}  // namespace retain::merge
