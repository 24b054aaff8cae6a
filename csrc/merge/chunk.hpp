// One chunk of one work item: read, compute, write. Owns the buffers of the thread that runs it.
#pragma once

#include <span>

#include "merge/block_path.hpp"
#include "merge/chunk_reader.hpp"
#include "merge/output.hpp"

namespace retain::merge {

/// Carries out chunks, one at a time, in buffers of its own.
class ChunkWorker {
 public:
  ChunkWorker(std::span<const OpenInput> inputs, std::span<const OpenOutput> outputs, PanelStore& panels,
              const KernelTable& kernels);

  /// Elements [first, first + count) of `item`, count at most chunk_elements(item).
  ItemResult run(const WorkItem& item, std::uint64_t first, std::uint64_t count);

 private:
  ItemResult compute(const WorkItem& item);
  ItemResult convert(const WorkItem& item);
  ItemResult blend(const WorkItem& item);
  void write(const WorkItem& item, ItemResult& result);

  std::span<const OpenOutput> outputs_;
  const KernelTable& kernels_;
  ChunkReader reader_;
  BlockPath<float> single_;
  BlockPath<double> double_;
  ChunkBytes bytes_;
};

}  // namespace retain::merge
