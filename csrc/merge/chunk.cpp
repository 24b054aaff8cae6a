#include "merge/chunk.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "merge/dtype.hpp"

namespace retain::merge {
namespace {

std::size_t index_of(DType dtype) { return static_cast<std::size_t>(dtype); }

template <class Stored>
bool is_finite_at(std::span<const std::byte> bytes, std::size_t element) {
  Stored value;
  std::memcpy(&value, bytes.data() + element * sizeof(Stored), sizeof(Stored));
  return std::isfinite(widen(value));
}

bool is_finite(DType dtype, std::span<const std::byte> bytes, std::size_t element) {
  switch (dtype) {
    case DType::kBf16:
      return is_finite_at<Bf16>(bytes, element);
    case DType::kF16:
      return is_finite_at<F16>(bytes, element);
    case DType::kF32:
      return is_finite_at<float>(bytes, element);
    case DType::kF64:
      return is_finite_at<double>(bytes, element);
    case DType::kOpaque:
      return true;
  }
  return true;
}

/// The first element that is not finite in the result, and the end to blame. Only called when there is one.
NotFinite find_not_finite(const WorkItem& item, std::span<const std::byte> base, std::span<const std::byte> finetuned,
                          std::span<const std::byte> merged, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    if (!is_finite(item.stored_in, base, i)) return {i, Origin::kBase};
    if (!is_finite(item.stored_in, finetuned, i)) return {i, Origin::kFinetuned};
    if (!is_finite(item.stored_out, merged, i)) return {i, Origin::kMerged};
  }
  return {};
}

/// Whether fp32 was too narrow for this chunk: a difference or a square overflowed, or the squares all but vanished.
bool leaves_fp32(const Sums& sums, std::size_t count) {
  if (sums.not_finite > 0) return true;
  if (!std::isfinite(sums.base_base + sums.base_update + sums.update_update + sums.merged_update)) return true;
  constexpr double kSmallestSafeSquare = 1e-30;  // far above 1e-38, where fp32 begins to lose bits
  const double floor = static_cast<double>(count) * kSmallestSafeSquare;
  return sums.changed > 0 && std::min(sums.base_base, sums.update_update) < floor;
}

}  // namespace

std::uint64_t chunk_elements(const WorkItem& item) {
  return kChunkBytes / std::max(size_of(item.stored_in), size_of(item.stored_out));
}

ChunkWorker::ChunkWorker(std::span<const PosixFile> inputs, std::span<const PosixFile> outputs,
                         const KernelTable& kernels)
    : inputs_(inputs),
      outputs_(outputs),
      kernels_(kernels),
      base_(std::make_unique<std::byte[]>(kChunkBytes)),
      finetuned_(std::make_unique<std::byte[]>(kChunkBytes)),
      merged_(std::make_unique<std::byte[]>(kChunkBytes)) {}

ItemResult ChunkWorker::run(const WorkItem& item, std::uint64_t first, std::uint64_t count) {
  const auto elements = static_cast<std::size_t>(count);
  return item.operation == Operation::kCopy ? copy(item, first, elements) : compute(item, first, elements);
}

ItemResult ChunkWorker::copy(const WorkItem& item, std::uint64_t first, std::size_t count) {
  const std::size_t element_bytes = size_of(item.stored_in);
  const std::span bytes{base_.get(), count * element_bytes};
  inputs_[item.base.file].read_at(bytes, item.base.offset + first * element_bytes);
  outputs_[item.output.file].write_at(bytes, item.output.offset + first * element_bytes);
  ItemResult result;
  if (item.stored_in == DType::kOpaque) return result;
  result.sums.not_finite = kernels_.count_not_finite[index_of(item.stored_in)](bytes.data(), count);
  if (result.sums.not_finite > 0) {
    NotFinite found = find_not_finite(item, bytes, bytes, bytes, count);
    found.element += first;
    result.first_not_finite = found;
  }
  return result;
}

ItemResult ChunkWorker::compute(const WorkItem& item, std::uint64_t first, std::size_t count) {
  const std::size_t in_bytes = size_of(item.stored_in);
  const std::size_t out_bytes = size_of(item.stored_out);
  const std::span base{base_.get(), count * in_bytes};
  const std::span merged{merged_.get(), count * out_bytes};
  std::span finetuned = base;  // a conversion is a merge with itself
  inputs_[item.base.file].read_at(base, item.base.offset + first * in_bytes);
  if (item.operation == Operation::kLinear) {
    finetuned = {finetuned_.get(), count * in_bytes};
    inputs_[item.finetuned.file].read_at(finetuned, item.finetuned.offset + first * in_bytes);
  }

  const std::size_t in = index_of(item.stored_in);
  const std::size_t out = index_of(item.stored_out);
  ItemResult result;
  result.sums = kernels_.linear[in][out](base.data(), finetuned.data(), merged.data(), count, item.alpha);
  if (kernels_.linear[in][out] != kernels_.wide[in][out] && leaves_fp32(result.sums, count)) {
    result.sums = kernels_.wide[in][out](base.data(), finetuned.data(), merged.data(), count, item.alpha);
  }
  outputs_[item.output.file].write_at(merged, item.output.offset + first * out_bytes);
  if (result.sums.not_finite > 0) {
    NotFinite found = find_not_finite(item, base, finetuned, merged, count);
    found.element += first;
    result.first_not_finite = found;
  }
  return result;
}

}  // namespace retain::merge
