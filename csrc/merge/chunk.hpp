// One chunk of one work item: read, compute, write. Owns the buffers of the thread that runs it.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "merge/block_path.hpp"
#include "merge/input.hpp"
#include "merge/output.hpp"

namespace retain::merge {

/// Carries out chunks, one at a time, in buffers of its own.
class ChunkWorker {
 public:
  ChunkWorker(std::span<const OpenInput> inputs, std::span<const OpenOutput> outputs, const KernelTable& kernels);

  /// Elements [first, first + count) of `item`, count at most chunk_elements(item).
  ItemResult run(const WorkItem& item, std::uint64_t first, std::uint64_t count);

 private:
  std::byte* buffer();
  const std::byte* read(const Span& span, DType stored, std::uint64_t first, std::size_t count);
  ItemResult compute(const WorkItem& item, std::uint64_t first, std::size_t count);
  ItemResult convert(const WorkItem& item, std::uint64_t first, std::size_t count);
  ItemResult blend(const WorkItem& item, std::size_t count);
  void write(const WorkItem& item, std::uint64_t first, std::size_t count, ItemResult& result);

  std::span<const OpenInput> inputs_;
  std::span<const OpenOutput> outputs_;
  const KernelTable& kernels_;
  BlockPath<float> single_;
  BlockPath<double> double_;
  std::vector<std::unique_ptr<std::byte[]>> buffers_;
  std::size_t used_ = 0;  // buffers of the chunk under way
  ChunkBytes bytes_;
};

}  // namespace retain::merge
