#include "merge/chunk.hpp"

#include <algorithm>
#include <cmath>

#include "merge/arithmetic.hpp"
#include "merge/dtype.hpp"

namespace retain::merge {
namespace {

std::size_t index_of(DType dtype) { return static_cast<std::size_t>(dtype); }

bool is_bits(const WorkItem& item, const Target& target) {
  return is_bits_of_base(item, target) || target.take == Take::kFinetuned;
}

}  // namespace

ChunkWorker::ChunkWorker(std::span<const OpenInput> inputs, std::span<const OpenOutput> outputs, PanelStore& panels,
                         const KernelTable& kernels)
    : outputs_(outputs),
      kernels_(kernels),
      reader_(inputs, panels),
      single_(inputs, kernels, kernels.single_blocks),
      double_(inputs, kernels, kernels.double_blocks) {}

ItemResult ChunkWorker::run(const WorkItem& item, std::uint64_t first, std::uint64_t count,
                            std::span<const ClonedRange> cloned) {
  reader_.read(item, first, static_cast<std::size_t>(count), bytes_);
  for (const Target& target : item.targets) {
    bytes_.merged.push_back(is_bits(item, target) ? nullptr : reader_.buffer(bytes_.count * size_of(target.stored)));
  }
  ItemResult result = compute(item);
  write(item, cloned, result);
  return result;
}

std::span<const std::byte> ChunkWorker::base_bytes(const WorkItem& item) const {
  return {bytes_.base, bytes_.count * size_of(item.stored)};
}

std::span<const std::byte> ChunkWorker::finetuned_bytes(const WorkItem& item, std::size_t source) const {
  return {bytes_.finetuned[source], bytes_.count * size_of(item.sources[source].stored)};
}

std::span<const std::byte> ChunkWorker::target_bytes(const WorkItem& item, std::size_t target) const {
  if (is_bits_of_base(item, item.targets[target])) return base_bytes(item);
  if (item.targets[target].take == Take::kFinetuned) return finetuned_bytes(item, 0);
  return {bytes_.merged[target], bytes_.count * size_of(item.targets[target].stored)};
}

ItemResult ChunkWorker::compute(const WorkItem& item) {
  const bool is_copy = std::ranges::all_of(bytes_.merged, [](const std::byte* bytes) { return bytes == nullptr; });
  if (item.sources.empty() && (is_copy || item.rounding == Rounding::kNearest)) return convert(item);
  const bool wide = computes_in_double(item);
  ItemResult result;
  if (is_plainly_linear(item)) {
    result = blend(item);
    if (wide && result.not_finite == 0) return result;
  } else if (!wide) {
    result = single_.run(item, bytes_);
  }
  if (wide || leaves_fp32(item, result, bytes_.count)) return double_.run(item, bytes_);
  return result;
}

/// Copies and conversions to the nearest. Values that are not finite are rare: the blocks find and name them.
ItemResult ChunkWorker::convert(const WorkItem& item) {
  ItemResult result = empty_result(0, item.targets.size());
  if (item.stored == DType::kOpaque) return result;
  std::uint64_t not_finite = kernels_.count_not_finite[index_of(item.stored)](bytes_.base, bytes_.count);
  for (std::size_t t = 0; t < item.targets.size(); ++t) {
    if (bytes_.merged[t] == nullptr) continue;
    const LinearKernel kernel = kernels_.linear[index_of(item.stored)][index_of(item.targets[t].stored)];
    not_finite += kernel(bytes_.base, bytes_.base, bytes_.merged[t], bytes_.count, 0.0).not_finite;
  }
  return not_finite > 0 ? double_.run(item, bytes_) : result;
}

/// The fused kernel, once per target. Its not_finite counts what is wrong in any of them; the blocks count elements.
ItemResult ChunkWorker::blend(const WorkItem& item) {
  const auto& table = computes_in_double(item) ? kernels_.wide : kernels_.linear;
  const std::size_t in = index_of(item.stored);
  const double factor = common_factor(item);
  ItemResult result = empty_result(1, item.targets.size());
  const auto pass = [&](DType out, std::byte* merged, double alpha) {
    const Sums sums = table[in][index_of(out)](bytes_.base, bytes_.finetuned[0], merged, bytes_.count, alpha);
    result.base_base = sums.base_base;
    result.sources[0] = {sums.base_update, sums.update_update, sums.changed};
    result.unchanged = bytes_.count - sums.changed;
    result.not_finite += sums.not_finite;
    return sums;
  };
  bool measured = false;
  for (std::size_t t = 0; t < item.targets.size(); ++t) {
    if (bytes_.merged[t] == nullptr) continue;
    const double alpha = item.targets[t].scale * factor;
    const Sums sums = pass(item.targets[t].stored, bytes_.merged[t], alpha);
    result.targets[t].exact_exact = alpha * alpha * sums.update_update;
    result.targets[t].stored_exact = alpha * sums.merged_update;
    result.targets[t].lost = std::fabs(alpha) > 0.0 ? sums.lost : 0;
    measured = true;
  }
  if (!measured) pass(item.stored, reader_.buffer(bytes_.count * size_of(item.stored)), 0.0);
  for (std::size_t t = 0; t < item.targets.size(); ++t) {
    if (item.targets[t].take != Take::kFinetuned) continue;
    result.targets[t].exact_exact = result.targets[t].stored_exact = result.sources[0].update_update;
  }
  return result;
}

void ChunkWorker::write(const WorkItem& item, std::span<const ClonedRange> cloned, ItemResult& result) {
  for (std::size_t t = 0; t < item.targets.size(); ++t) {
    const Target& target = item.targets[t];
    const OpenOutput& output = outputs_[target.output.file];
    const std::span<const std::byte> bytes = target_bytes(item, t);
    const std::uint64_t begin = target.output.offset + bytes_.first * size_of(target.stored);
    const std::uint64_t end = begin + bytes.size();
    std::byte* scratch = output.is_compared() ? reader_.buffer(bytes.size()) : nullptr;
    const auto put = [&](std::uint64_t from, std::uint64_t to) {
      if (from >= to) return;
      const std::size_t size = static_cast<std::size_t>(to - from);
      result.targets[t].different +=
          output.put(bytes.subspan(static_cast<std::size_t>(from - begin), size), from, {scratch, size});
    };
    const ClonedRange kept = cloned.empty() ? ClonedRange{} : cloned[t];
    put(begin, std::min(end, std::max(begin, kept.begin)));
    put(std::max(begin, std::min(end, kept.end)), end);
  }
}

}  // namespace retain::merge
