// The general path's block primitives, written once in plain loops and in the lanes of each instruction set. As in
// kernel_body.hpp, every operation and its order is fixed, and everything lives in an anonymous namespace.
#pragma once

#include "merge/chance_body.hpp"
#include "merge/kernel.hpp"

namespace retain::merge {
namespace {

template <class Lanes, class Stored, class Real>
void widen_block(const void* stored_bytes, Real* values) {
  const Stored* stored = static_cast<const Stored*>(stored_bytes);
  for (std::size_t i = 0; i < kBlockElements; i += Lanes::kWidth) Lanes::store(values + i, Lanes::load(stored + i));
}

template <class Lanes, class Stored, class Real>
void round_block(Real* merged, void* stored_bytes) {
  Stored* stored = static_cast<Stored*>(stored_bytes);
  for (std::size_t i = 0; i < kBlockElements; i += Lanes::kWidth) {
    Lanes::store(merged + i, Lanes::store(stored + i, Lanes::load(merged + i)));
  }
}

template <class Lanes, class Factor, class Real>
void multiply_panel(const Factor* panel, const Real* b, std::size_t rank, Real scale_value, Real* update) {
  constexpr std::size_t kVectors = kPanelColumns / Lanes::kWidth;
  typename Lanes::Vector sums[kVectors];
  const auto zero = Lanes::zero();
  for (std::size_t v = 0; v < kVectors; ++v) sums[v] = zero;
  for (std::size_t k = 0; k < rank; ++k) {
    const auto factor = Lanes::broadcast(static_cast<double>(b[k]));
    const Factor* row = panel + k * kPanelColumns;
    for (std::size_t v = 0; v < kVectors; ++v) {
      sums[v] = Lanes::fma(factor, Lanes::load(row + v * Lanes::kWidth), sums[v]);
    }
  }
  const auto scale = Lanes::broadcast(static_cast<double>(scale_value));
  for (std::size_t v = 0; v < kVectors; ++v) {
    Lanes::store(update + v * Lanes::kWidth, Lanes::fma(scale, sums[v], zero));
  }
}

template <class Real>
void difference(const Real* __restrict base, Real* __restrict finetuned) {
  for (std::size_t i = 0; i < kBlockElements; ++i) finetuned[i] = finetuned[i] - base[i];
}

template <class Lanes, class Real>
void tally_base(const Real* base, BaseTally* tally) {
  auto sum = Lanes::zero();
  std::uint64_t not_finite = 0;
  for (std::size_t i = 0; i < kBlockElements; i += Lanes::kWidth) {
    const auto p = Lanes::load(base + i);
    sum = Lanes::fma(p, p, sum);
    not_finite += Lanes::count(Lanes::not_finite(p));
  }
  Lanes::add_to(tally->base_base.lane, sum);
  tally->not_finite += not_finite;
}

template <class Lanes, class Real>
void tally_update(const Real* base, const Real* update, UpdateTally* tally) {
  auto base_update = Lanes::zero();
  auto update_update = Lanes::zero();
  const auto zero = Lanes::zero();
  std::uint64_t same = 0;
  std::uint64_t not_finite = 0;
  for (std::size_t i = 0; i < kBlockElements; i += Lanes::kWidth) {
    const auto p = Lanes::load(base + i);
    const auto d = Lanes::load(update + i);
    base_update = Lanes::fma(p, d, base_update);
    update_update = Lanes::fma(d, d, update_update);
    same += Lanes::count(Lanes::equal(d, zero));
    not_finite += Lanes::count(Lanes::not_finite(d));
  }
  Lanes::add_to(tally->base_update.lane, base_update);
  Lanes::add_to(tally->update_update.lane, update_update);
  tally->changed += kBlockElements - same;
  tally->not_finite += not_finite;
}

template <class Lanes, class Real>
void tally_product(const Real* a, const Real* b, LaneTotals* totals) {
  auto sum = Lanes::zero();
  for (std::size_t i = 0; i < kBlockElements; i += Lanes::kWidth) {
    sum = Lanes::fma(Lanes::load(a + i), Lanes::load(b + i), sum);
  }
  Lanes::add_to(totals->lane, sum);
}

template <class Lanes, class Real>
void tally_target(const Real* base, const Real* exact, const Real* stored, TargetTally* tally) {
  auto exact_exact = Lanes::zero();
  auto stored_exact = Lanes::zero();
  const auto zero = Lanes::zero();
  std::uint64_t lost = 0;
  std::uint64_t not_finite = 0;
  for (std::size_t i = 0; i < kBlockElements; i += Lanes::kWidth) {
    const auto p = Lanes::load(base + i);
    const auto u = Lanes::load(exact + i);
    const auto m = Lanes::load(stored + i);
    const auto kept = Lanes::equal(m, p);
    lost += Lanes::count(kept) - Lanes::count_both(kept, Lanes::equal(u, zero));
    not_finite += Lanes::count(Lanes::not_finite(m));
    exact_exact = Lanes::fma(u, u, exact_exact);
    stored_exact = Lanes::fma(Lanes::subtract(m, p), u, stored_exact);
  }
  Lanes::add_to(tally->exact_exact.lane, exact_exact);
  Lanes::add_to(tally->stored_exact.lane, stored_exact);
  tally->lost += lost;
  tally->not_finite += not_finite;
}

// Comparisons with zero below are spelled with < and >: a NaN must count as changed, and -Wfloat-equal users see it is
// meant.
template <class Real>
void mark_changed(const Real* __restrict update, std::uint32_t* __restrict any) {
  for (std::size_t i = 0; i < kBlockElements; ++i) any[i] |= update[i] >= 0 && update[i] <= 0 ? 0U : 1U;
}

std::uint64_t count_unmarked(const std::uint32_t* any) {
  std::uint32_t marked = 0;
  for (std::size_t i = 0; i < kBlockElements; ++i) marked += any[i];
  return kBlockElements - marked;
}

template <class Real>
void keep_large(Real* update, float threshold) {
  for (std::size_t i = 0; i < kBlockElements; ++i) {
    const float magnitude = static_cast<float>(update[i] < 0 ? -update[i] : update[i]);
    update[i] = magnitude >= threshold ? update[i] : Real{0};
  }
}

template <class Real>
void magnitudes(const Real* __restrict update, std::uint32_t* __restrict bits) {
  for (std::size_t i = 0; i < kBlockElements; ++i) {
    bits[i] = __builtin_bit_cast(std::uint32_t, static_cast<float>(update[i])) & 0x7FFFFFFFU;
  }
}

template <class Real>
void set_scaled(Real* __restrict sum, const Real* __restrict update, Real factor) {
  for (std::size_t i = 0; i < kBlockElements; ++i) sum[i] = factor * update[i];
}

template <class Real>
void add_scaled(Real* __restrict sum, const Real* __restrict update, Real factor) {
  for (std::size_t i = 0; i < kBlockElements; ++i) sum[i] = sum[i] + factor * update[i];
}

template <class Real>
void add_agreeing(const Real* __restrict elected, const Real* __restrict update, Real factor, Real* __restrict sum,
                  Real* __restrict weight) {
  for (std::size_t i = 0; i < kBlockElements; ++i) {
    const Real term = factor * update[i];
    const bool up = (elected[i] > 0) & (term > 0);
    const bool down = (elected[i] < 0) & (term < 0);
    sum[i] = sum[i] + ((up | down) ? term : Real{0});
    weight[i] = weight[i] + ((up | down) ? factor : Real{0});
  }
}

template <class Real>
void divide(Real* __restrict sum, const Real* __restrict weight) {
  for (std::size_t i = 0; i < kBlockElements; ++i) sum[i] = weight[i] > 0 ? sum[i] / weight[i] : Real{0};
}

template <class Lanes, class Real>
void step(const Real* base, const Real* exact, Real scale_value, Real* merged) {
  const auto scale = Lanes::broadcast(static_cast<double>(scale_value));
  const auto zero = Lanes::zero();
  for (std::size_t i = 0; i < kBlockElements; i += Lanes::kWidth) {
    const auto p = Lanes::load(base + i);
    const auto u = Lanes::load(exact + i);
    Lanes::store(merged + i, Lanes::select(Lanes::equal(u, zero), p, Lanes::fma(scale, u, p)));
  }
}

template <class Lanes, class Real>
void step_and_scale(const Real* base, const Real* exact, Real scale_value, Real base_scale_value, Real* full,
                    Real* merged) {
  const auto scale = Lanes::broadcast(static_cast<double>(scale_value));
  const auto base_scale = Lanes::broadcast(static_cast<double>(base_scale_value));
  const auto one = Lanes::broadcast(1.0);
  const auto zero = Lanes::zero();
  for (std::size_t i = 0; i < kBlockElements; i += Lanes::kWidth) {
    const auto p = Lanes::load(base + i);
    const auto u = Lanes::fma(scale, Lanes::load(exact + i), Lanes::fma(base_scale, p, zero));
    Lanes::store(full + i, u);
    Lanes::store(merged + i, Lanes::fma(one, u, p));
  }
}

/// Without a branch, which could not be predicted.
[[maybe_unused]] std::size_t keep_bin(const std::uint32_t* __restrict words, std::uint32_t upper,
                                      std::uint32_t* __restrict found) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < kBlockElements; ++i) {
    found[count] = words[i];
    count += words[i] >> 16 == upper ? 1 : 0;
  }
  return count;
}

template <class Lanes, class Real>
constexpr BlockTable<Real> make_blocks() {
  BlockTable<Real> table{};
  table.widen[0] = &widen_block<Lanes, Bf16, Real>;
  table.widen[1] = &widen_block<Lanes, F16, Real>;
  table.widen[2] = &widen_block<Lanes, float, Real>;
  table.multiply_panel = &multiply_panel<Lanes, float, Real>;
  table.difference = &difference<Real>;
  table.tally_base = &tally_base<Lanes, Real>;
  table.tally_update = &tally_update<Lanes, Real>;
  table.tally_product = &tally_product<Lanes, Real>;
  table.mark_changed = &mark_changed<Real>;
  table.count_unmarked = &count_unmarked;
  table.keep_large = &keep_large<Real>;
  table.keep_random = &keep_random<Real>;
  table.keep_ranked = &keep_ranked<Real>;
  table.magnitudes = &magnitudes<Real>;
  table.set_scaled = &set_scaled<Real>;
  table.add_scaled = &add_scaled<Real>;
  table.add_agreeing = &add_agreeing<Real>;
  table.divide = &divide<Real>;
  table.step = &step<Lanes, Real>;
  table.step_and_scale = &step_and_scale<Lanes, Real>;
  table.round[0] = &round_block<Lanes, Bf16, Real>;
  table.round[1] = &round_block<Lanes, F16, Real>;
  table.round[2] = &round_block<Lanes, float, Real>;
  table.tally_target = &tally_target<Lanes, Real>;
  return table;
}

template <class Single>
constexpr BlockTable<float> make_single_blocks() {
  BlockTable<float> table = make_blocks<Single, float>();
  table.dither[0] = &dither_bf16;
  table.dither[1] = &dither<F16Format, FloatBits, float>;
  return table;
}

template <class Double>
constexpr BlockTable<double> make_double_blocks() {
  BlockTable<double> table = make_blocks<Double, double>();
  table.dither[0] = &dither<Bf16Format, DoubleBits, double>;
  table.dither[1] = &dither<F16Format, DoubleBits, double>;
  table.dither[2] = &dither<F32Format, DoubleBits, double>;
  table.multiply_wide_panel = &multiply_panel<Double, double, double>;
  table.widen[3] = &widen_block<Double, double, double>;
  table.round[3] = &round_block<Double, double, double>;
  return table;
}

}  // namespace
}  // namespace retain::merge
