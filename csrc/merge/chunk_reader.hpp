// Buffers of one thread, and the ends of a chunk read into them.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "merge/updates.hpp"

namespace retain::merge {

class ChunkReader {
 public:
  ChunkReader(std::span<const OpenInput> inputs, PanelStore& panels) : inputs_(inputs), panels_(panels) {}

  /// Reads the base and those sources that `wanted` names (all if it is npos) of elements [first, first + count).
  /// Targets are left empty; what the buffers held before is gone.
  void read(const WorkItem& item, std::uint64_t first, std::size_t count, ChunkBytes& bytes,
            std::size_t wanted = kAllSources);

  /// One more buffer for `bytes` bytes and the rest of their last block, until the next read().
  std::byte* buffer(std::size_t bytes);

  static constexpr std::size_t kAllSources = static_cast<std::size_t>(-1);

 private:
  const std::byte* read_end(const Span& span, DType stored, std::uint64_t first, std::size_t count);

  struct Buffer {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t size = 0;
  };
  std::span<const OpenInput> inputs_;
  PanelStore& panels_;
  std::vector<Buffer> buffers_;
  std::size_t used_ = 0;  // buffers of the chunk under way
};

}  // namespace retain::merge
