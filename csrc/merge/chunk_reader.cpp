#include "merge/chunk_reader.hpp"

#include <algorithm>
#include <cstring>

#include "merge/arithmetic.hpp"
#include "merge/dtype.hpp"

namespace retain::merge {
namespace {

constexpr std::size_t kPadBytes = kBlockElements * sizeof(double);  // the rest of a last block

}  // namespace

void ChunkReader::read(const WorkItem& item, std::uint64_t first, std::size_t count, ChunkBytes& bytes,
                       std::size_t wanted) {
  used_ = 0;
  bytes.first = first;
  bytes.count = count;
  bytes.base = read_end(item.base, item.stored, first, count);
  bytes.finetuned.assign(item.sources.size(), nullptr);
  bytes.factors.resize(item.sources.size());
  for (std::size_t i = 0; i < item.sources.size(); ++i) {
    const Source& source = item.sources[i];
    std::shared_ptr<const Panels> factors;
    if (wanted == kAllSources || wanted == i) {
      if (source.span) bytes.finetuned[i] = read_end(*source.span, source.stored, first, count);
      if (source.low_rank) factors = panels_.get(*source.low_rank);
    }
    bytes.factors[i] = std::move(factors);
  }
  bytes.merged.clear();
}

std::byte* ChunkReader::buffer(std::size_t bytes) {
  if (used_ == buffers_.size()) buffers_.emplace_back();
  Buffer& buffer = buffers_[used_++];
  const std::size_t needed = std::max(bytes, kChunkBytes) + kPadBytes;
  if (buffer.size < needed) {
    buffer.bytes = std::make_unique_for_overwrite<std::byte[]>(needed);
    buffer.size = needed;
  }
  return buffer.bytes.get();
}

const std::byte* ChunkReader::read_end(const Span& span, DType stored, std::uint64_t first, std::size_t count) {
  const std::size_t size = count * size_of(stored);
  std::byte* bytes = buffer(size);
  inputs_[span.file].read_at({bytes, size}, span.offset + first * size_of(stored));
  std::memset(bytes + size, 0, kPadBytes);
  return bytes;
}

}  // namespace retain::merge
