#include "merge/updates.hpp"

#include <algorithm>
#include <cmath>

#include "merge/arithmetic.hpp"
#include "merge/dtype.hpp"

namespace retain::merge {
namespace {

std::size_t index_of(DType dtype) { return static_cast<std::size_t>(dtype); }

}  // namespace

template <class Real>
Updates<Real>::Updates(std::span<const OpenInput> inputs, const KernelTable& kernels, const BlockTable<Real>& blocks)
    : inputs_(inputs),
      kernels_(kernels),
      blocks_(blocks),
      base_(kBlockElements),
      product_(kBlockElements),
      wide_product_(kBlockElements) {}

template <class Real>
void Updates<Real>::begin_chunk(const WorkItem& item, const ChunkBytes& bytes) {
  item_ = &item;
  bytes_ = &bytes;
  updates_.resize(std::max(updates_.size(), item.sources.size() * kBlockElements));
  while (single_.size() < item.sources.size()) {
    single_.emplace_back(inputs_, kernels_.single_blocks);
    double_.emplace_back(inputs_, kernels_.double_blocks);
  }
  for (Multiplication<float>& multiplication : single_) multiplication.forget();
  for (Multiplication<double>& multiplication : double_) multiplication.forget();
}

template <class Real>
void Updates<Real>::read_base(std::size_t begin) {
  blocks_.widen[index_of(item_->stored)](bytes_->base + begin * size_of(item_->stored), base_.data());
}

template <class Real>
void Updates<Real>::read_update(std::size_t begin, std::size_t source) {
  const Source& end = item_->sources[source];
  if (end.low_rank) {
    multiply(begin, source);
    return;
  }
  blocks_.widen[index_of(end.stored)](bytes_->finetuned[source] + begin * size_of(end.stored), update(source));
  blocks_.difference(base_.data(), update(source));
}

/// In fp32 where the item allows it and the block stays in its range, also when the chunk is computed again in fp64:
/// thresholds are selected from the very updates they are compared with.
template <class Real>
void Updates<Real>::multiply(std::size_t begin, std::size_t source) {
  const LowRank& factors = *item_->sources[source].low_rank;
  const Panels& panels = *bytes_->factors[source];
  const std::size_t filled = std::min(kBlockElements, bytes_->count - begin);
  const std::uint64_t first = bytes_->first + begin;
  const std::uint64_t end = bytes_->first + bytes_->count;
  Real* values = update(source);
  std::fill_n(values + filled, kBlockElements - filled, Real{0});
  if (!computes_in_double(*item_)) {
    single_[source].run(factors, panels, first, filled, end, product_.data());
    std::copy_n(product_.data(), filled, values);
    if (std::all_of(values, values + filled, [](Real value) { return std::isfinite(value); })) return;
  }
  double_[source].run(factors, panels, first, filled, end, wide_product_.data());
  std::transform(wide_product_.data(), wide_product_.data() + filled, values,
                 [](double value) { return static_cast<Real>(value); });
}

template class Updates<float>;
template class Updates<double>;

}  // namespace retain::merge
