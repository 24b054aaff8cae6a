// One chunk of one work item: read, compute, write. Owns the buffers of the thread that runs it.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "merge/posix_file.hpp"
#include "merge/stream.hpp"

namespace retain::merge {

/// Elements of `item` that make a chunk: the wider of its two types fills kChunkBytes.
std::uint64_t chunk_elements(const WorkItem& item);

/// Carries out chunks, one at a time, in buffers of its own (three of kChunkBytes).
class ChunkWorker {
 public:
  ChunkWorker(std::span<const PosixFile> inputs, std::span<const PosixFile> outputs, const KernelTable& kernels);

  /// Elements [first, first + count) of `item`. first_not_finite counts from the tensor's start.
  ItemResult run(const WorkItem& item, std::uint64_t first, std::uint64_t count);

 private:
  ItemResult copy(const WorkItem& item, std::uint64_t first, std::size_t count);
  ItemResult compute(const WorkItem& item, std::uint64_t first, std::size_t count);

  std::span<const PosixFile> inputs_;
  std::span<const PosixFile> outputs_;
  const KernelTable& kernels_;
  std::unique_ptr<std::byte[]> base_;
  std::unique_ptr<std::byte[]> finetuned_;
  std::unique_ptr<std::byte[]> merged_;
};

}  // namespace retain::merge
