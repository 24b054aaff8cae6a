#include "merge/block_path.hpp"

#include <algorithm>
#include <cmath>

#include "merge/arithmetic.hpp"
#include "merge/dtype.hpp"

namespace retain::merge {
namespace {

std::size_t index_of(DType dtype) { return static_cast<std::size_t>(dtype); }

/// Adds the lanes up in a fixed tree, as the fused kernels do.
double add_up(LaneTotals totals) {
  for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) totals.lane[i] += totals.lane[i + half];
  }
  return totals.lane[0];
}

}  // namespace

template <class Real>
BlockPath<Real>::BlockPath(std::span<const OpenInput> inputs, const KernelTable& kernels,
                           const BlockTable<Real>& blocks)
    : kernels_(kernels),
      blocks_(blocks),
      updates_(inputs, kernels, blocks),
      sum_(kBlockElements),
      elected_(kBlockElements),
      weight_(kBlockElements),
      full_(kBlockElements),
      merged_(kBlockElements),
      changed_(kBlockElements),
      words_(kBlockElements + 4 * kCounters) {}

template <class Real>
std::uint64_t BlockPath<Real>::Tallies::not_finite() const {
  std::uint64_t found = base.not_finite;
  for (const UpdateTally& source : sources) found += source.not_finite;
  for (const TargetTally& target : targets) found += target.not_finite;
  return found;
}

template <class Real>
ItemResult BlockPath<Real>::run(const WorkItem& item, const ChunkBytes& bytes) {
  ItemResult result = empty_result(item.sources.size(), item.targets.size());
  Tallies tallies{{},
                  std::vector<UpdateTally>(item.sources.size()),
                  std::vector<LaneTotals>(result.gram.size()),
                  std::vector<TargetTally>(item.targets.size())};
  updates_.begin_chunk(item, bytes);
  if (item.thinning == Thinning::kRanked) rank(item, bytes);
  for (std::size_t begin = 0; begin < bytes.count; begin += kBlockElements) {
    const std::size_t filled = std::min(kBlockElements, bytes.count - begin);
    const std::uint64_t found = tallies.not_finite();
    read_block(item, begin, tallies);
    if (!item.sources.empty()) result.unchanged += count_unchanged(item) - (kBlockElements - filled);
    thin(item, bytes, begin);
    write_block(item, bytes, begin, combine(item), tallies);
    if (tallies.not_finite() > found) find_not_finite(item, bytes, begin, result);
  }

  if (item.sources.empty()) return result;
  result.base_base = add_up(tallies.base.base_base);
  for (std::size_t i = 0; i < item.sources.size(); ++i) {
    const UpdateTally& tally = tallies.sources[i];
    result.sources[i] = {add_up(tally.base_update), add_up(tally.update_update), tally.changed};
  }
  for (std::size_t i = 0; i < result.gram.size(); ++i) result.gram[i] = add_up(tallies.gram[i]);
  for (std::size_t t = 0; t < item.targets.size(); ++t) {
    const Target& target = item.targets[t];
    if (target.take == Take::kBase) continue;
    if (target.take == Take::kFinetuned) {
      result.targets[t].exact_exact = result.targets[t].stored_exact = result.sources[0].update_update;
      continue;
    }
    // Without a scaled base the tally is of E, so that a small scale costs no digits.
    const bool scaled = std::fabs(target.base_scale) > 0.0;
    const double scale = scaled ? 1.0 : target.scale * common_factor(item);
    const TargetTally& tally = tallies.targets[t];
    result.targets[t].exact_exact = scale * scale * add_up(tally.exact_exact);
    result.targets[t].stored_exact = scale * add_up(tally.stored_exact);
    result.targets[t].lost = std::fabs(scale) > 0.0 ? tally.lost : 0;
  }
  return result;
}

template <class Real>
void BlockPath<Real>::read_block(const WorkItem& item, std::size_t begin, Tallies& tallies) {
  updates_.read_base(begin);
  blocks_.tally_base(updates_.base(), &tallies.base);
  std::size_t pair = 0;
  for (std::size_t i = 0; i < item.sources.size(); ++i) {
    updates_.read_update(begin, i);
    blocks_.tally_update(updates_.base(), updates_.update(i), &tallies.sources[i]);
  }
  for (std::size_t i = 0; i < item.sources.size(); ++i) {
    for (std::size_t j = i + 1; j < item.sources.size(); ++j) {
      blocks_.tally_product(updates_.update(i), updates_.update(j), &tallies.gram[pair++]);
    }
  }
}

template <class Real>
std::uint64_t BlockPath<Real>::count_unchanged(const WorkItem& item) {
  std::ranges::fill(changed_, 0U);
  for (std::size_t i = 0; i < item.sources.size(); ++i) blocks_.mark_changed(updates_.update(i), changed_.data());
  return blocks_.count_unmarked(changed_.data());
}

/// Ranks every row of the chunk for every source. The updates are read for it alone, and once more by the blocks.
template <class Real>
void BlockPath<Real>::rank(const WorkItem& item, const ChunkBytes& bytes) {
  const std::size_t padded = (bytes.count + kBlockElements - 1) / kBlockElements * kBlockElements;
  const auto length = static_cast<std::size_t>(item.row_length);
  row_.resize(padded);
  ranks_.resize(std::max(ranks_.size(), item.sources.size()));
  for (std::size_t i = 0; i < item.sources.size(); ++i) {
    for (std::size_t begin = 0; begin < bytes.count; begin += kBlockElements) {
      updates_.read_base(begin);
      updates_.read_update(begin, i);
      std::copy_n(updates_.update(i), kBlockElements, row_.data() + begin);
    }
    ranks_[i].resize(padded);
    for (std::size_t begin = 0; begin < bytes.count; begin += length) {
      ranking_.run(std::span<const Real>(row_).subspan(begin, length), ranks_[i].data() + begin);
    }
  }
}

template <class Real>
void BlockPath<Real>::thin(const WorkItem& item, const ChunkBytes& bytes, std::size_t begin) {
  const auto limit = static_cast<std::uint64_t>(std::floor(item.density * 0x1p32));
  const double lowest = item.row_length > 1 ? item.density - item.spread : item.density;
  for (std::size_t i = 0; i < item.sources.size() && item.thinning != Thinning::kNone; ++i) {
    Real* update = updates_.update(i);
    if (item.thinning == Thinning::kMagnitude) {
      blocks_.keep_large(update, item.sources[i].threshold);
      continue;
    }
    const std::uint32_t* random = words(item.key, static_cast<std::uint32_t>(1 + i), bytes.first + begin);
    if (item.thinning == Thinning::kRanked) {
      const double last_rank = std::max(static_cast<double>(item.row_length) - 1.0, 1.0);
      blocks_.keep_ranked(update, random, ranks_[i].data() + begin, lowest, 2.0 * item.spread, last_rank);
    } else if (limit == 0) {
      std::fill_n(update, kBlockElements, Real{0});
    } else {
      blocks_.keep_random(update, random, static_cast<std::uint32_t>(limit - 1));
    }
  }
}

/// E over the common factor.
template <class Real>
const Real* BlockPath<Real>::combine(const WorkItem& item) {
  if (item.sources.size() == 1) return updates_.update(0);
  if (item.sources.empty()) {
    std::ranges::fill(sum_, Real{0});
    return sum_.data();
  }
  blocks_.set_scaled(sum_.data(), updates_.update(0), static_cast<Real>(relative_coefficient(item, 0)));
  for (std::size_t i = 1; i < item.sources.size(); ++i) {
    blocks_.add_scaled(sum_.data(), updates_.update(i), static_cast<Real>(relative_coefficient(item, i)));
  }
  if (!item.elect_sign) return sum_.data();
  elected_.swap(sum_);
  std::ranges::fill(sum_, Real{0});
  std::ranges::fill(weight_, Real{0});
  for (std::size_t i = 0; i < item.sources.size(); ++i) {
    blocks_.add_agreeing(elected_.data(), updates_.update(i), static_cast<Real>(relative_coefficient(item, i)),
                         sum_.data(), weight_.data());
  }
  blocks_.divide(sum_.data(), weight_.data());
  return sum_.data();
}

template <class Real>
void BlockPath<Real>::write_block(const WorkItem& item, const ChunkBytes& bytes, std::size_t begin, const Real* exact,
                                  Tallies& tallies) {
  for (std::size_t t = 0; t < item.targets.size(); ++t) {
    if (bytes.merged[t] == nullptr) continue;
    const Target& target = item.targets[t];
    const Real* full = exact;
    const auto scale = static_cast<Real>(target.scale * common_factor(item));
    if (std::fabs(target.base_scale) > 0.0) {
      blocks_.step_and_scale(updates_.base(), exact, scale, static_cast<Real>(target.base_scale), full_.data(),
                             merged_.data());
      full = full_.data();
    } else {
      blocks_.step(updates_.base(), exact, scale, merged_.data());
    }
    const auto dither = blocks_.dither[index_of(target.stored)];
    if (item.rounding == Rounding::kStochastic && dither != nullptr) {
      dither(merged_.data(), words(item.key, 0, bytes.first + begin));
    }
    blocks_.round[index_of(target.stored)](merged_.data(), bytes.merged[t] + begin * size_of(target.stored));
    blocks_.tally_target(updates_.base(), full, merged_.data(), &tallies.targets[t]);
  }
}

/// Rare, so element by element. The updates may have been thinned since they were counted: they are read again.
template <class Real>
void BlockPath<Real>::find_not_finite(const WorkItem& item, const ChunkBytes& bytes, std::size_t begin,
                                      ItemResult& result) {
  const std::size_t filled = std::min(kBlockElements, bytes.count - begin);
  std::vector<std::optional<NotFinite>> blame(filled);
  const auto look = [&](const Real* values, Origin origin, std::size_t index) {
    for (std::size_t i = 0; i < filled; ++i) {
      if (!blame[i] && !std::isfinite(values[i])) blame[i] = {bytes.first + begin + i, origin, index};
    }
  };
  look(updates_.base(), Origin::kBase, 0);
  for (std::size_t i = 0; i < item.sources.size(); ++i) {
    updates_.read_update(begin, i);
    look(updates_.update(i), Origin::kFinetuned, i);
  }
  for (std::size_t t = 0; t < item.targets.size(); ++t) {
    if (bytes.merged[t] == nullptr) continue;
    const DType stored = item.targets[t].stored;
    blocks_.widen[index_of(stored)](bytes.merged[t] + begin * size_of(stored), merged_.data());
    look(merged_.data(), Origin::kMerged, t);
  }
  for (const std::optional<NotFinite>& found : blame) {
    if (!found) continue;
    ++result.not_finite;
    if (!result.first_not_finite) result.first_not_finite = found;
  }
}

template <class Real>
const std::uint32_t* BlockPath<Real>::words(std::uint64_t key, std::uint32_t stream, std::uint64_t element) {
  const std::size_t skipped = static_cast<std::size_t>(element % 4);
  kernels_.random_words(key, stream, element / 4, kBlockElements / 4 + (skipped > 0 ? kCounters : 0), words_.data());
  return words_.data() + skipped;
}

template class BlockPath<float>;
template class BlockPath<double>;

}  // namespace retain::merge
