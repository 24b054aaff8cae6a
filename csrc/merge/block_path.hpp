// The general path: a chunk of any item, block by block in one arithmetic.
#pragma once

#include <span>
#include <vector>

#include "merge/kernel.hpp"
#include "merge/result.hpp"
#include "merge/work_item.hpp"

namespace retain::merge {

/// A chunk's bytes, read and still to be written. Every buffer has room for whole blocks, and what was read is followed
/// by zeros up to the end of its last block.
struct ChunkBytes {
  const std::byte* base = nullptr;
  std::vector<const std::byte*> finetuned;  ///< per source; null where it comes in factors
  std::vector<std::byte*> merged;           ///< per target; null where it is one end's bits
};

/// Owns the blocks of the thread that runs it.
template <class Real>
class BlockPath {
 public:
  BlockPath(const KernelTable& kernels, const BlockTable<Real>& blocks);

  /// Elements [first, first + count) of `item`, which bytes hold. first_not_finite counts from the tensor's start.
  ItemResult run(const WorkItem& item, const ChunkBytes& bytes, std::uint64_t first, std::size_t count);

 private:
  struct Tallies {
    BaseTally base{};
    std::vector<UpdateTally> sources;
    std::vector<LaneTotals> gram;
    std::vector<TargetTally> targets;

    std::uint64_t not_finite() const;
  };

  void read_block(const WorkItem& item, const ChunkBytes& bytes, std::size_t begin, Tallies& tallies);
  std::uint64_t count_unchanged(const WorkItem& item);
  void thin(const WorkItem& item, std::uint64_t element);
  const Real* combine(const WorkItem& item);
  void write_block(const WorkItem& item, const ChunkBytes& bytes, std::size_t begin, const Real* exact,
                   Tallies& tallies);
  void find_not_finite(const WorkItem& item, const ChunkBytes& bytes, std::uint64_t first, std::size_t begin,
                       std::size_t count, ItemResult& result);
  const std::uint32_t* words(std::uint64_t key, std::uint32_t stream, std::uint64_t element);
  Real* update(std::size_t source) { return updates_.data() + source * kBlockElements; }

  const KernelTable& kernels_;
  const BlockTable<Real>& blocks_;
  std::vector<Real> base_;
  std::vector<Real> updates_;  // one block per source
  std::vector<Real> sum_;
  std::vector<Real> elected_;
  std::vector<Real> weight_;
  std::vector<Real> full_;
  std::vector<Real> merged_;
  std::vector<std::uint32_t> changed_;
  std::vector<std::uint32_t> words_;
};

extern template class BlockPath<float>;
extern template class BlockPath<double>;

}  // namespace retain::merge
