#include "merge/arithmetic.hpp"

#include <algorithm>
#include <cmath>

#include "merge/dtype.hpp"

namespace retain::merge {
namespace {

bool is_half(DType dtype) { return dtype == DType::kBf16 || dtype == DType::kF16; }

double largest_coefficient(const WorkItem& item) {
  double largest = 0.0;
  for (const Source& source : item.sources) {
    if (std::fabs(source.coefficient) > std::fabs(largest)) largest = source.coefficient;
  }
  return largest;
}

/// By how much a target's update can exceed the ends' updates.
double amplification(const WorkItem& item) {
  double scale = 1.0;
  for (const Target& target : item.targets) scale = std::max(scale, std::fabs(target.scale));
  double weight = 1.0;
  if (!item.elect_sign) {
    weight = std::max(1.0, std::fabs(largest_coefficient(item))) * static_cast<double>(item.sources.size());
  }
  double probability = 1.0;
  if (item.thinning == Thinning::kRandom) probability = item.density;
  if (item.thinning == Thinning::kRanked) probability = item.density - item.spread;
  return scale * weight / std::max(probability, 0x1p-32);
}

}  // namespace

std::uint64_t chunk_elements(const WorkItem& item) {
  constexpr std::size_t kBytesPerThread = 2 * 1024 * 1024;
  std::size_t widest = size_of(item.stored);
  for (const Source& source : item.sources) {
    if (source.span) widest = std::max(widest, size_of(source.stored));
  }
  for (const Target& target : item.targets) widest = std::max(widest, size_of(target.stored));
  const std::size_t buffers = 1 + item.sources.size() + item.targets.size();
  const std::size_t elements = std::min(kChunkBytes, kBytesPerThread / buffers) / widest;
  if (item.thinning == Thinning::kRanked)
    return std::max<std::uint64_t>(elements / item.row_length, 1) * item.row_length;
  return std::max(elements / kBlockElements, std::size_t{1}) * kBlockElements;
}

bool computes_in_double(const WorkItem& item) {
  if (!is_half(item.stored)) return true;
  for (const Source& source : item.sources) {
    if (source.span && !is_half(source.stored)) return true;
    if (source.low_rank && source.low_rank->stored == DType::kF64) return true;
  }
  return std::ranges::any_of(item.targets, [](const Target& target) { return target.stored == DType::kF64; });
}

bool is_plainly_linear(const WorkItem& item) {
  if (item.sources.size() != 1 || !item.sources[0].span || item.sources[0].stored != item.stored) return false;
  if (item.thinning != Thinning::kNone || item.rounding != Rounding::kNearest) return false;
  return std::ranges::all_of(item.targets, [](const Target& target) { return std::fabs(target.base_scale) <= 0.0; });
}

bool is_bits_of_base(const WorkItem& item, const Target& target) {
  if (item.sources.empty()) return target.stored == item.stored;
  return target.take == Take::kBase;
}

double common_factor(const WorkItem& item) {
  const double coefficient = item.elect_sign ? 1.0 : largest_coefficient(item);
  return item.thinning == Thinning::kRandom ? coefficient / item.density : coefficient;
}

double relative_coefficient(const WorkItem& item, std::size_t source) {
  const double largest = largest_coefficient(item);
  return std::fabs(largest) > 0.0 ? item.sources[source].coefficient / largest : 0.0;
}

bool leaves_fp32(const WorkItem& item, const ItemResult& chunk, std::uint64_t elements) {
  constexpr double kLargestSum = 1e36;           // no lane and no element under such a sum passes 3.4e38
  constexpr double kSmallestSafeSquare = 1e-30;  // far above 1e-38, where fp32 begins to lose bits
  if (chunk.not_finite > 0) return true;
  double base_gain = 1.0;
  for (const Target& target : item.targets) base_gain = std::max(base_gain, 1.0 + std::fabs(target.base_scale));
  const double gain = amplification(item);
  const double floor = static_cast<double>(elements) * kSmallestSafeSquare;
  // Spelled so that a sum that is infinite or NaN does not pass.
  if (!(chunk.base_base * base_gain * base_gain <= kLargestSum)) return true;
  for (const SourceSums& sums : chunk.sources) {
    if (!(sums.update_update * gain * gain <= kLargestSum)) return true;
    if (sums.changed > 0 && std::min(chunk.base_base, sums.update_update) < floor) return true;
  }
  return false;
}

}  // namespace retain::merge
