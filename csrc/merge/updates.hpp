// The updates of a chunk, block by block in one arithmetic: differences of stored ends, or products of factors.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "merge/kernel.hpp"
#include "merge/low_rank.hpp"
#include "merge/work_item.hpp"

namespace retain::merge {

/// A chunk's bytes, read and still to be written: elements [first, first + count) of an item. Every buffer has room for
/// whole blocks, and what was read is followed by zeros up to the end of its last block.
struct ChunkBytes {
  std::uint64_t first = 0;
  std::size_t count = 0;
  const std::byte* base = nullptr;
  std::vector<const std::byte*> finetuned;             ///< per source; null where it comes in factors
  std::vector<std::shared_ptr<const Panels>> factors;  ///< per source; null where it does not
  std::vector<std::byte*> merged;                      ///< per target; null where it is one end's bits
};

/// Owns one block of the base and one per source.
template <class Real>
class Updates {
 public:
  Updates(std::span<const OpenInput> inputs, const KernelTable& kernels, const BlockTable<Real>& blocks);

  /// Reads from here on concern this chunk of this item; both must outlive them.
  void begin_chunk(const WorkItem& item, const ChunkBytes& bytes);

  /// The block that begins at element `begin` of the chunk. Its rest, where the chunk ends within it, is zero.
  void read_base(std::size_t begin);
  /// The same for a source's update; the base's block must have been read.
  void read_update(std::size_t begin, std::size_t source);

  const Real* base() const { return base_.data(); }
  Real* update(std::size_t source) { return updates_.data() + source * kBlockElements; }

 private:
  void multiply(std::size_t begin, std::size_t source);

  std::span<const OpenInput> inputs_;
  const KernelTable& kernels_;
  const BlockTable<Real>& blocks_;
  const WorkItem* item_ = nullptr;
  const ChunkBytes* bytes_ = nullptr;
  std::vector<Real> base_;
  std::vector<Real> updates_;
  std::vector<Multiplication<float>> single_;  // per source, of factors
  std::vector<Multiplication<double>> double_;
  std::vector<float> product_;
  std::vector<double> wide_product_;
};

extern template class Updates<float>;
extern template class Updates<double>;

}  // namespace retain::merge
