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

/// The general path works on blocks of this many elements, which stay in the innermost cache. Lane sums run over one
/// block before they are added up in fp64: fp32 squares keep six digits, at no cost.
inline constexpr std::size_t kBlockElements = 512;
inline constexpr std::size_t kLanes = 16;
/// Columns of a panel: factors are multiplied so many columns at a time, which fill the registers.
inline constexpr std::size_t kPanelColumns = 64;
/// Counters that random words are made of side by side.
inline constexpr std::size_t kCounters = 8;

/// Sums under way, lane by lane: element i of a block belongs to lane i mod 16 (fp32) or i mod 8 (fp64).
struct LaneTotals {
  double lane[kLanes];
};
struct BaseTally {
  LaneTotals base_base;
  std::uint64_t not_finite;
};
struct UpdateTally {
  LaneTotals base_update;
  LaneTotals update_update;
  std::uint64_t changed;
  std::uint64_t not_finite;
};
struct TargetTally {
  LaneTotals exact_exact;
  LaneTotals stored_exact;
  std::uint64_t lost;
  std::uint64_t not_finite;
};

/// What the general path is put together from, in one arithmetic. Every array is one block long and its rest, where a
/// tensor ends within it, is zero; zeros add nothing to any tally.
template <class Real>
struct BlockTable {
  /// values = stored, exactly. Null where Real cannot hold the type. [stored in]
  void (*widen[kFloatDTypes])(const void* stored, Real* values);
  /// update[i] = scale·Σ_k b[k]·panel[k·kPanelColumns + i], added by fused operations in the order of k. The wide
  /// panel is null in fp32.
  void (*multiply_panel)(const float* panel, const Real* b, std::size_t rank, Real scale, Real* update);
  void (*multiply_wide_panel)(const double* panel, const Real* b, std::size_t rank, Real scale, Real* update);
  /// finetuned − base, in the place of finetuned.
  void (*difference)(const Real* base, Real* finetuned);
  void (*tally_base)(const Real* base, BaseTally* tally);
  void (*tally_update)(const Real* base, const Real* update, UpdateTally* tally);
  void (*tally_product)(const Real* a, const Real* b, LaneTotals* totals);
  /// any |= update ≠ 0, and how many words of `any` are zero.
  void (*mark_changed)(const Real* update, std::uint32_t* any);
  std::uint64_t (*count_unmarked)(const std::uint32_t* any);
  /// update = 0 where float(|update|) < threshold.
  void (*keep_large)(Real* update, float threshold);
  /// update = 0 where word > last.
  void (*keep_random)(Real* update, const std::uint32_t* words, std::uint32_t last);
  /// update = word < floor(q·2³²) ? update / q : 0 with an element's own q, by its rank in its row:
  /// lowest + climb·rank/last_rank.
  void (*keep_ranked)(Real* update, const std::uint32_t* words, const std::uint32_t* ranks, double lowest, double climb,
                      double last_rank);
  /// The bits of float(|update|), which are ordered like the magnitudes.
  void (*magnitudes)(const Real* update, std::uint32_t* bits);
  /// sum = factor·update, and sum += factor·update, both with the product rounded: equal terms of opposite signs
  /// vanish.
  void (*set_scaled)(Real* sum, const Real* update, Real factor);
  void (*add_scaled)(Real* sum, const Real* update, Real factor);
  /// Where factor·update has the sign of `elected` it is added to sum and factor to weight.
  void (*add_agreeing)(const Real* elected, const Real* update, Real factor, Real* sum, Real* weight);
  /// sum = weight > 0 ? sum / weight : 0.
  void (*divide)(Real* sum, const Real* weight);
  /// merged = exact ≠ 0 ? fma(scale, exact, base) : base.
  void (*step)(const Real* base, const Real* exact, Real scale, Real* merged);
  /// full = fma(scale, exact, base_scale·base); merged = base + full.
  void (*step_and_scale)(const Real* base, const Real* exact, Real scale, Real base_scale, Real* full, Real* merged);
  /// Makes merged a value of a type: the neighbour above its magnitude with the probability of its distance to the one
  /// below / their gap, by an element's word; values of the type stay, and none becomes infinite that would not when
  /// rounded to nearest. Null where every Real is a value of the type. [stored out]
  void (*dither[kFloatDTypes])(Real* merged, const std::uint32_t* words);
  /// Rounds to the nearest value of a type, ties to even; merged becomes what was stored. Null as above. [stored out]
  void (*round[kFloatDTypes])(Real* merged, void* stored);
  /// Of u = exact: Σu², Σ(stored − base)·u, and how often stored = base though u ≠ 0.
  void (*tally_target)(const Real* base, const Real* exact, const Real* stored, TargetTally* tally);
};

struct KernelTable {
  const char* isa;
  /// [stored in][stored out]. 16-bit inputs that stay 16-bit or widen to float are computed in fp32, everything else in
  /// fp64 with one rounding at the end, which costs the same per byte.
  LinearKernel linear[kFloatDTypes][kFloatDTypes];
  /// The same, always in fp64: for the rare chunk whose differences or squares leave fp32's range.
  LinearKernel wide[kFloatDTypes][kFloatDTypes];
  CountKernel count_not_finite[kFloatDTypes];
  BlockTable<float> single_blocks;
  BlockTable<double> double_blocks;
  /// found = the words of a block whose upper half is `upper`; found has room for a block. @return how many
  std::size_t (*keep_bin)(const std::uint32_t* words, std::uint32_t upper, std::uint32_t* found);
  /// Philox4x32-10 (Random123): four words each for the counters (first + j, stream, 0), j < counters, where counters
  /// is a multiple of kCounters.
  void (*random_words)(std::uint64_t key, std::uint32_t stream, std::uint64_t first, std::size_t counters,
                       std::uint32_t* words);
};

const KernelTable& scalar_kernels();
const KernelTable& avx2_kernels();
const KernelTable& avx512_kernels();
const KernelTable& neon_kernels();

}  // namespace retain::merge
