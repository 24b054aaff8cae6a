// What is to be done with one tensor, as plain data: where its ends lie, what becomes of their difference, where the
// results go.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "merge/kernel.hpp"

namespace retain::merge {

/// Where a tensor begins: which of the stream's inputs (or outputs), and the byte in it.
struct Span {
  std::size_t file = 0;
  std::uint64_t offset = 0;
};

/// An update in factors, as adapters store it: ΔW = scale·B·A with A [rank, columns] and B [rows, rank], row-major;
/// rows follow from the item's elements.
struct LowRank {
  Span a{};
  Span b{};
  DType stored = DType::kF32;
  std::uint64_t rank = 0;
  std::uint64_t columns = 0;
  double scale = 1.0;
};

/// One finetuned end. Its update is d = f − p from `span`, or ΔW from `low_rank`; exactly one of the two is set.
struct Source {
  DType stored = DType::kF32;  ///< of `span`
  std::optional<Span> span{};
  std::optional<LowRank> low_rank{};
  double coefficient = 1.0;
  float threshold = 0.0F;  ///< of Thinning::kMagnitude
};

/// A target that is one end's very bits, without arithmetic.
enum class Take : std::uint8_t {
  kNothing,    ///< p + base_scale·p + scale·E, rounded
  kBase,       ///< the base's bits
  kFinetuned,  ///< those of the only source
};

struct Target {
  Span output{};
  DType stored = DType::kF32;
  double scale = 0.0;
  double base_scale = 0.0;
  Take take = Take::kNothing;
};

/// What becomes of an update d before it is added: t.
enum class Thinning : std::uint8_t {
  kNone,       ///< t = d
  kMagnitude,  ///< t = d where |d| as a float reaches the source's threshold, else 0 (TIES)
  kRandom,     ///< t = d/density with probability `density`, else 0 (DARE)
  kRanked,     ///< the same with a probability that grows with |d|'s rank in its row (DELLA)
};

enum class Rounding : std::uint8_t {
  kNearest,     ///< ties to even
  kStochastic,  ///< up with probability = the distance to the lower neighbour / their gap
};

/// One tensor. With the updates t_i, E = Σ c_i·t_i; or with elect_sign, per element, the mean of those t_i, weighted by
/// c_i, whose sign is that of Σ c_i·t_i (TIES). Every target is p + base_scale·p + scale·E, rounded once. Where E = 0
/// and base_scale = 0 that is p, its very bits. Without sources every target is a copy or a conversion of `base`;
/// without targets the updates are only measured.
///
/// Random words come from Philox4x32-10 with the item's key and the counter (element/4, stream, 0), word element mod 4;
/// source i draws from stream 1 + i, rounding from stream 0.
struct WorkItem {
  std::uint64_t elements = 0;     ///< bytes, where the tensor is opaque
  DType stored = DType::kOpaque;  ///< of `base`
  Span base{};
  std::vector<Source> sources{};
  std::vector<Target> targets{};
  Thinning thinning = Thinning::kNone;
  double density = 1.0;
  double spread = 0.0;           ///< kRanked: probabilities run from density − spread to density + spread
  std::uint64_t row_length = 0;  ///< kRanked
  bool elect_sign = false;
  Rounding rounding = Rounding::kNearest;
  std::uint64_t key = 0;
};

}  // namespace retain::merge
