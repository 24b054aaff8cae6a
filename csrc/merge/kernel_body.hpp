// The merge kernel, written once. An instruction set brings `Single` (16 fp32 lanes) and `Double` (8 fp64 lanes); the
// order of every operation, sums included, is fixed here, so all instruction sets return the same bits.
//
// Everything lives in an anonymous namespace: each including source is compiled with its own instruction-set flags.
#pragma once

#include "merge/block_body.hpp"
#include "merge/kernel.hpp"

namespace retain::merge {
namespace {

template <class Lanes>
struct LaneSums {
  typename Lanes::Vector base_base = Lanes::zero();
  typename Lanes::Vector base_update = Lanes::zero();
  typename Lanes::Vector update_update = Lanes::zero();
  typename Lanes::Vector merged_update = Lanes::zero();
};

/// Adds the lanes up in a fixed tree: ((0+8)+(4+12))+… for 16 lanes.
template <std::size_t kWidth>
double tree_sum(double* lanes) {
  for (std::size_t half = kWidth / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

template <class Lanes, class In, class Out>
void linear_step(const In* base, const In* finetuned, Out* out, typename Lanes::Vector alpha, LaneSums<Lanes>& sums,
                 Sums& total) {
  const auto p = Lanes::load(base);
  const auto f = Lanes::load(finetuned);
  const auto d = Lanes::subtract(f, p);
  // Where the ends agree the base is kept: arithmetic would turn −0 into +0.
  const auto same = Lanes::equal(f, p);
  const auto merged = Lanes::select(same, p, Lanes::fma(alpha, d, p));
  const auto stored = Lanes::store(out, merged);
  total.changed += Lanes::kWidth - Lanes::count(same);
  total.lost += Lanes::count(Lanes::equal(stored, p)) - Lanes::count_both(Lanes::equal(stored, p), same);
  total.not_finite += Lanes::count(Lanes::not_finite(stored));
  sums.base_base = Lanes::fma(p, p, sums.base_base);
  sums.base_update = Lanes::fma(p, d, sums.base_update);
  sums.update_update = Lanes::fma(d, d, sums.update_update);
  sums.merged_update = Lanes::fma(Lanes::subtract(stored, p), d, sums.merged_update);
}

template <class Lanes, class In, class Out>
Sums linear(const void* base_bytes, const void* finetuned_bytes, void* out_bytes, std::size_t elements,
            double alpha_value) {
  constexpr std::size_t kWidth = Lanes::kWidth;
  const In* base = static_cast<const In*>(base_bytes);
  const In* finetuned = static_cast<const In*>(finetuned_bytes);
  Out* out = static_cast<Out*>(out_bytes);
  const auto alpha = Lanes::broadcast(alpha_value);
  Sums total{};
  double base_base[kWidth]{};
  double base_update[kWidth]{};
  double update_update[kWidth]{};
  double merged_update[kWidth]{};

  std::size_t i = 0;
  while (i < elements) {
    LaneSums<Lanes> sums;
    const std::size_t end = elements - i < kBlockElements ? elements : i + kBlockElements;
    for (; i + kWidth <= end; i += kWidth) {
      linear_step<Lanes, In, Out>(base + i, finetuned + i, out + i, alpha, sums, total);
    }
    if (i < end) {
      // The last few elements ride with zeros, which are equal at both ends and add nothing to any sum.
      const std::size_t rest = end - i;
      In base_rest[kWidth]{};
      In finetuned_rest[kWidth]{};
      Out out_rest[kWidth]{};
      __builtin_memcpy(base_rest, base + i, rest * sizeof(In));
      __builtin_memcpy(finetuned_rest, finetuned + i, rest * sizeof(In));
      linear_step<Lanes, In, Out>(base_rest, finetuned_rest, out_rest, alpha, sums, total);
      __builtin_memcpy(out + i, out_rest, rest * sizeof(Out));
      i = end;
    }
    Lanes::add_to(base_base, sums.base_base);
    Lanes::add_to(base_update, sums.base_update);
    Lanes::add_to(update_update, sums.update_update);
    Lanes::add_to(merged_update, sums.merged_update);
  }
  total.base_base = tree_sum<kWidth>(base_base);
  total.base_update = tree_sum<kWidth>(base_update);
  total.update_update = tree_sum<kWidth>(update_update);
  total.merged_update = tree_sum<kWidth>(merged_update);
  return total;
}

/// Plain integer arithmetic: the compiler vectorises it for whatever instruction set this source is compiled for.
template <class Word, Word kExponent>
std::uint64_t count_not_finite(const void* values, std::size_t elements) {
  const auto* bytes = static_cast<const unsigned char*>(values);
  std::uint64_t total = 0;
  std::size_t i = 0;
  while (i < elements) {
    const std::size_t end = elements - i < kBlockElements ? elements : i + kBlockElements;
    Word found = 0;
    for (; i < end; ++i) {
      Word word;
      __builtin_memcpy(&word, bytes + i * sizeof(Word), sizeof(Word));
      found = static_cast<Word>(found + static_cast<Word>((word & kExponent) == kExponent));
    }
    total += found;
  }
  return total;
}

template <class Single, class Double, class Words>
constexpr KernelTable make_table(const char* isa) {
  return {isa,
          {{&linear<Single, Bf16, Bf16>, &linear<Single, Bf16, F16>, &linear<Single, Bf16, float>,
            &linear<Double, Bf16, double>},
           {&linear<Single, F16, Bf16>, &linear<Single, F16, F16>, &linear<Single, F16, float>,
            &linear<Double, F16, double>},
           {&linear<Double, float, Bf16>, &linear<Double, float, F16>, &linear<Double, float, float>,
            &linear<Double, float, double>},
           {&linear<Double, double, Bf16>, &linear<Double, double, F16>, &linear<Double, double, float>,
            &linear<Double, double, double>}},
          {{&linear<Double, Bf16, Bf16>, &linear<Double, Bf16, F16>, &linear<Double, Bf16, float>,
            &linear<Double, Bf16, double>},
           {&linear<Double, F16, Bf16>, &linear<Double, F16, F16>, &linear<Double, F16, float>,
            &linear<Double, F16, double>},
           {&linear<Double, float, Bf16>, &linear<Double, float, F16>, &linear<Double, float, float>,
            &linear<Double, float, double>},
           {&linear<Double, double, Bf16>, &linear<Double, double, F16>, &linear<Double, double, float>,
            &linear<Double, double, double>}},
          {&count_not_finite<std::uint16_t, 0x7F80>, &count_not_finite<std::uint16_t, 0x7C00>,
           &count_not_finite<std::uint32_t, 0x7F800000>, &count_not_finite<std::uint64_t, 0x7FF0000000000000>},
          make_single_blocks<Single>(),
          make_double_blocks<Double>(),
          &Words::keep_bin,
          &random_words<Words>};
}

}  // namespace
}  // namespace retain::merge
