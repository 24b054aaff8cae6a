#include "merge/chunk.hpp"

#include <cmath>
#include <cstring>

#include "merge/arithmetic.hpp"
#include "merge/dtype.hpp"

namespace retain::merge {
namespace {

constexpr std::size_t kPadBytes = kBlockElements * sizeof(double);  // the rest of a last block

std::size_t index_of(DType dtype) { return static_cast<std::size_t>(dtype); }

bool is_bits(const WorkItem& item, const Target& target) {
  return is_bits_of_base(item, target) || target.take == Take::kFinetuned;
}

}  // namespace

ChunkWorker::ChunkWorker(std::span<const OpenInput> inputs, std::span<const OpenOutput> outputs,
                         const KernelTable& kernels)
    : inputs_(inputs),
      outputs_(outputs),
      kernels_(kernels),
      single_(kernels, kernels.single_blocks),
      double_(kernels, kernels.double_blocks) {}

ItemResult ChunkWorker::run(const WorkItem& item, std::uint64_t first, std::uint64_t count) {
  const auto elements = static_cast<std::size_t>(count);
  used_ = 0;
  bytes_.base = read(item.base, item.stored, first, elements);
  bytes_.finetuned.clear();
  for (const Source& source : item.sources) {
    bytes_.finetuned.push_back(read(*source.span, source.stored, first, elements));
  }
  bytes_.merged.clear();
  for (const Target& target : item.targets) bytes_.merged.push_back(is_bits(item, target) ? nullptr : buffer());
  ItemResult result = compute(item, first, elements);
  write(item, first, elements, result);
  return result;
}

std::byte* ChunkWorker::buffer() {
  if (used_ == buffers_.size())
    buffers_.push_back(std::make_unique_for_overwrite<std::byte[]>(kChunkBytes + kPadBytes));
  return buffers_[used_++].get();
}

const std::byte* ChunkWorker::read(const Span& span, DType stored, std::uint64_t first, std::size_t count) {
  std::byte* bytes = buffer();
  const std::size_t size = count * size_of(stored);
  inputs_[span.file].read_at({bytes, size}, span.offset + first * size_of(stored));
  std::memset(bytes + size, 0, kPadBytes);
  return bytes;
}

ItemResult ChunkWorker::compute(const WorkItem& item, std::uint64_t first, std::size_t count) {
  if (item.sources.empty()) return convert(item, first, count);
  const bool wide = computes_in_double(item);
  ItemResult result;
  if (is_plainly_linear(item)) {
    result = blend(item, count);
    if (wide && result.not_finite == 0) return result;
  } else if (!wide) {
    result = single_.run(item, bytes_, first, count);
  }
  if (wide || leaves_fp32(item, result, count)) return double_.run(item, bytes_, first, count);
  return result;
}

/// Copies and conversions. Values that are not finite are rare: the blocks find and name them.
ItemResult ChunkWorker::convert(const WorkItem& item, std::uint64_t first, std::size_t count) {
  ItemResult result = empty_result(0, item.targets.size());
  if (item.stored == DType::kOpaque) return result;
  std::uint64_t not_finite = kernels_.count_not_finite[index_of(item.stored)](bytes_.base, count);
  for (std::size_t t = 0; t < item.targets.size(); ++t) {
    if (bytes_.merged[t] == nullptr) continue;
    const LinearKernel kernel = kernels_.linear[index_of(item.stored)][index_of(item.targets[t].stored)];
    not_finite += kernel(bytes_.base, bytes_.base, bytes_.merged[t], count, 0.0).not_finite;
  }
  return not_finite > 0 ? double_.run(item, bytes_, first, count) : result;
}

/// The fused kernel, once per target. Its not_finite counts what is wrong in any of them; the blocks count elements.
ItemResult ChunkWorker::blend(const WorkItem& item, std::size_t count) {
  const auto& table = computes_in_double(item) ? kernels_.wide : kernels_.linear;
  const std::size_t in = index_of(item.stored);
  const double coefficient = common_coefficient(item);
  ItemResult result = empty_result(1, item.targets.size());
  const auto pass = [&](DType out, std::byte* merged, double alpha) {
    const Sums sums = table[in][index_of(out)](bytes_.base, bytes_.finetuned[0], merged, count, alpha);
    result.base_base = sums.base_base;
    result.sources[0] = {sums.base_update, sums.update_update, sums.changed};
    result.unchanged = count - sums.changed;
    result.not_finite += sums.not_finite;
    return sums;
  };
  bool measured = false;
  for (std::size_t t = 0; t < item.targets.size(); ++t) {
    if (bytes_.merged[t] == nullptr) continue;
    const double alpha = item.targets[t].scale * coefficient;
    const Sums sums = pass(item.targets[t].stored, bytes_.merged[t], alpha);
    result.targets[t].exact_exact = alpha * alpha * sums.update_update;
    result.targets[t].stored_exact = alpha * sums.merged_update;
    result.targets[t].lost = std::fabs(alpha) > 0.0 ? sums.lost : 0;
    measured = true;
  }
  if (!measured) pass(item.stored, buffer(), 0.0);
  for (std::size_t t = 0; t < item.targets.size(); ++t) {
    if (item.targets[t].take != Take::kFinetuned) continue;
    result.targets[t].exact_exact = result.targets[t].stored_exact = result.sources[0].update_update;
  }
  return result;
}

void ChunkWorker::write(const WorkItem& item, std::uint64_t first, std::size_t count, ItemResult& result) {
  std::byte* scratch = nullptr;
  for (std::size_t t = 0; t < item.targets.size(); ++t) {
    const Target& target = item.targets[t];
    const std::byte* bytes = bytes_.merged[t];
    if (bytes == nullptr) bytes = is_bits_of_base(item, target) ? bytes_.base : bytes_.finetuned[0];
    const OpenOutput& output = outputs_[target.output.file];
    if (output.is_compared() && scratch == nullptr) scratch = buffer();
    const std::size_t size = count * size_of(target.stored);
    result.targets[t].different =
        output.put({bytes, size}, target.output.offset + first * size_of(target.stored), {scratch, size});
  }
}

}  // namespace retain::merge
