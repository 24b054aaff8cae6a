#include "merge/updates.hpp"

#include <algorithm>

#include "merge/dtype.hpp"

namespace retain::merge {
namespace {

std::size_t index_of(DType dtype) { return static_cast<std::size_t>(dtype); }

}  // namespace

template <class Real>
Updates<Real>::Updates(std::span<const OpenInput> inputs, const BlockTable<Real>& blocks)
    : blocks_(blocks), inputs_(inputs), base_(kBlockElements) {}

template <class Real>
void Updates<Real>::begin_chunk(const WorkItem& item, const ChunkBytes& bytes) {
  item_ = &item;
  bytes_ = &bytes;
  updates_.resize(std::max(updates_.size(), item.sources.size() * kBlockElements));
  while (multiplications_.size() < item.sources.size()) multiplications_.emplace_back(inputs_, blocks_);
  for (Multiplication<Real>& multiplication : multiplications_) multiplication.forget();
}

template <class Real>
void Updates<Real>::read_base(std::size_t begin) {
  blocks_.widen[index_of(item_->stored)](bytes_->base + begin * size_of(item_->stored), base_.data());
}

template <class Real>
void Updates<Real>::read_update(std::size_t begin, std::size_t source) {
  const Source& end = item_->sources[source];
  Real* values = update(source);
  if (!end.low_rank) {
    blocks_.widen[index_of(end.stored)](bytes_->finetuned[source] + begin * size_of(end.stored), values);
    blocks_.difference(base_.data(), values);
    return;
  }
  const std::size_t filled = std::min(kBlockElements, bytes_->count - begin);
  multiplications_[source].run(*end.low_rank, *bytes_->factors[source], bytes_->first + begin, filled,
                               bytes_->first + bytes_->count, values);
  std::fill_n(values + filled, kBlockElements - filled, Real{0});
}

template class Updates<float>;
template class Updates<double>;

}  // namespace retain::merge
