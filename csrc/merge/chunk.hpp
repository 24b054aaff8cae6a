// One chunk of one work item: read, compute, write. Owns the buffers of the thread that runs it.
#pragma once

#include <span>

#include "merge/block_path.hpp"
#include "merge/chunk_reader.hpp"
#include "merge/output.hpp"
#include "merge/reflink.hpp"

namespace retain::merge {

/// Carries out chunks, one at a time, in buffers of its own.
class ChunkWorker {
 public:
  ChunkWorker(std::span<const OpenInput> inputs, std::span<const OpenOutput> outputs, PanelStore& panels,
              const KernelTable& kernels);

  /// Elements [first, first + count) of `item`, count at most chunk_elements(item). What was cloned, per target, is not
  /// written.
  ItemResult run(const WorkItem& item, std::uint64_t first, std::uint64_t count, std::span<const ClonedRange> cloned);

  /// After run(): the ends' bytes and those of a target, as they are in the files.
  std::span<const std::byte> base_bytes(const WorkItem& item) const;
  std::span<const std::byte> finetuned_bytes(const WorkItem& item, std::size_t source) const;
  std::span<const std::byte> target_bytes(const WorkItem& item, std::size_t target) const;

 private:
  ItemResult compute(const WorkItem& item);
  ItemResult convert(const WorkItem& item);
  ItemResult blend(const WorkItem& item);
  void write(const WorkItem& item, std::span<const ClonedRange> cloned, ItemResult& result);

  std::span<const OpenOutput> outputs_;
  const KernelTable& kernels_;
  ChunkReader reader_;
  BlockPath<float> single_;
  BlockPath<double> double_;
  ChunkBytes bytes_;
};

}  // namespace retain::merge
