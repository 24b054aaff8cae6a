// The arithmetic of a merge, as tables of functions: one table per instruction set, all with bit-identical results.
//
// This header is included by sources that are compiled for instruction sets the machine may lack. It must therefore
// define no inline function and use no standard template: the linker could keep the copy with the wrong instructions.
#pragma once

#include <cstddef>
#include <cstdint>

namespace retain::merge {

/// How a tensor's elements are stored. Integers and booleans are opaque: copied, never interpolated.
enum class DType : std::uint8_t { kBf16, kF16, kF32, kF64, kOpaque };
inline constexpr std::size_t kFloatDTypes = 4;

struct Bf16 {
  std::uint16_t bits;
};
struct F16 {
  std::uint16_t bits;
};

/// What is learned about a run of elements while it is merged. p: base, f: finetuned, d = f − p, m: merged, as stored.
struct Sums {
  double base_base;          ///< Σ p²
  double base_update;        ///< Σ p·d
  double update_update;      ///< Σ d²
  double merged_update;      ///< Σ (m − p)·d
  std::uint64_t changed;     ///< elements with f ≠ p
  std::uint64_t lost;        ///< changed elements where rounding gave the base back, m = p
  std::uint64_t not_finite;  ///< elements with m infinite or NaN
};

/// out[i] = round(p + α·(f − p)), with p itself (its very bits) where f = p. Buffers need no alignment; base may equal
/// finetuned.
using LinearKernel = Sums (*)(const void* base, const void* finetuned, void* out, std::size_t elements, double alpha);

/// How many elements are infinite or NaN.
using CountKernel = std::uint64_t (*)(const void* values, std::size_t elements);

struct KernelTable {
  const char* isa;
  /// [stored in][stored out]. 16-bit inputs that stay or widen to float are computed in fp32, everything else in fp64
  /// with one rounding at the end, which costs the same per byte.
  LinearKernel linear[kFloatDTypes][kFloatDTypes];
  /// The same, always in fp64: for the rare chunk whose differences or squares leave fp32's range.
  LinearKernel wide[kFloatDTypes][kFloatDTypes];
  CountKernel count_not_finite[kFloatDTypes];
};

const KernelTable& scalar_kernels();
const KernelTable& avx2_kernels();
const KernelTable& avx512_kernels();
const KernelTable& neon_kernels();

}  // namespace retain::merge
