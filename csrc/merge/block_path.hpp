// The general path: a chunk of any item, block by block in one arithmetic.
#pragma once

#include <span>
#include <vector>

#include "merge/ranks.hpp"
#include "merge/result.hpp"
#include "merge/updates.hpp"

namespace retain::merge {

/// Owns the blocks of the thread that runs it.
template <class Real>
class BlockPath {
 public:
  BlockPath(std::span<const OpenInput> inputs, const KernelTable& kernels, const BlockTable<Real>& blocks);

  /// The elements of `item` that `bytes` hold; whole rows, where the item thins by rank.
  ItemResult run(const WorkItem& item, const ChunkBytes& bytes);

 private:
  struct Tallies {
    BaseTally base{};
    std::vector<UpdateTally> sources;
    std::vector<LaneTotals> gram;
    std::vector<TargetTally> targets;

    std::uint64_t not_finite() const;
  };

  void read_block(const WorkItem& item, std::size_t begin, Tallies& tallies);
  std::uint64_t count_unchanged(const WorkItem& item);
  void rank(const WorkItem& item, const ChunkBytes& bytes);
  void thin(const WorkItem& item, const ChunkBytes& bytes, std::size_t begin);
  const Real* combine(const WorkItem& item);
  void write_block(const WorkItem& item, const ChunkBytes& bytes, std::size_t begin, const Real* exact,
                   Tallies& tallies);
  void find_not_finite(const WorkItem& item, const ChunkBytes& bytes, std::size_t begin, ItemResult& result);
  const std::uint32_t* words(std::uint64_t key, std::uint32_t stream, std::uint64_t element);

  const KernelTable& kernels_;
  const BlockTable<Real>& blocks_;
  Updates<Real> updates_;
  std::vector<Real> sum_;
  std::vector<Real> elected_;
  std::vector<Real> weight_;
  std::vector<Real> full_;
  std::vector<Real> merged_;
  std::vector<std::uint32_t> changed_;
  std::vector<std::uint32_t> words_;
  Ranking<Real> ranking_;
  std::vector<Real> row_;
  std::vector<std::vector<std::uint32_t>> ranks_;  // per source, of the whole chunk and the rest of its last block
};

extern template class BlockPath<float>;
extern template class BlockPath<double>;

}  // namespace retain::merge
