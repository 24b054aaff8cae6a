// What is learned about a tensor while it passes. p: base, d: a source's update, u: a target's exact update, m: merged,
// as stored.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace retain::merge {

struct SourceSums {
  double base_update = 0.0;    ///< Σ p·d
  double update_update = 0.0;  ///< Σ d²
  std::uint64_t changed = 0;   ///< elements with d ≠ 0
};

struct TargetSums {
  double exact_exact = 0.0;     ///< Σ u²
  double stored_exact = 0.0;    ///< Σ (m − p)·u
  std::uint64_t lost = 0;       ///< elements with u ≠ 0 where rounding gave the base back, m = p
  std::uint64_t different = 0;  ///< bytes that differ from the file the target is compared with
};

enum class Origin : std::uint8_t {
  kBase,       ///< the base holds it
  kFinetuned,  ///< a source holds it, or its update does not fit the arithmetic
  kMerged,     ///< all ends are finite there: the result does not fit a target's type
};

struct NotFinite {
  std::uint64_t element = 0;  ///< the first one, counted from the tensor's start
  Origin origin = Origin::kBase;
  std::size_t index = 0;  ///< which source or target
};

/// Sums of elements or of chunks. An item without sources fills only not_finite and `different`.
struct ItemResult {
  double base_base = 0.0;  ///< Σ p²
  std::vector<SourceSums> sources;
  std::vector<double> gram;     ///< Σ d_i·d_j for i < j: (0,1), (0,2), …, (1,2), …
  std::uint64_t unchanged = 0;  ///< elements where every d_i is 0
  std::vector<TargetSums> targets;
  std::uint64_t not_finite = 0;  ///< elements where an end or a target is infinite or NaN
  std::optional<NotFinite> first_not_finite;
};

/// Room for the sums of a tensor with so many sources and targets, all zero.
ItemResult empty_result(std::size_t sources, std::size_t targets);

/// Adds the next part, in order: floating-point sums depend on it, and the first part with a value that is not finite
/// keeps the blame.
void add_part(ItemResult& total, const ItemResult& part);

}  // namespace retain::merge
