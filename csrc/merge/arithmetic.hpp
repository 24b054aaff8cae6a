// Which arithmetic an item takes: fp32 or fp64, one fused kernel or blocks, and in pieces of which size.
#pragma once

#include <cstdint>

#include "merge/result.hpp"
#include "merge/work_item.hpp"

namespace retain::merge {

/// What one thread reads or writes at a time. Larger blocks were measured to be slower (fresh pages), smaller ones too
/// (calls).
inline constexpr std::size_t kChunkBytes = 256 * 1024;

/// Elements of a chunk: the widest of the item's types fills kChunkBytes, less where many ends would need many buffers.
/// Whole rows, at least one, where the item thins by rank; else a multiple of kBlockElements.
std::uint64_t chunk_elements(const WorkItem& item);

/// Whether fp32 would be too narrow from the start: it serves 16-bit ends (and factors up to 32 bits) whose targets
/// have at most 32 bits.
bool computes_in_double(const WorkItem& item);

/// Whether one call of the fused kernel per target does it: one finetuned end of the base's type, neither thinned nor
/// rounded by chance, and a base that is not scaled.
bool is_plainly_linear(const WorkItem& item);

/// Whether a target is the bits of one end.
bool is_bits_of_base(const WorkItem& item, const Target& target);

/// What E is short of when relative coefficients are used and random thinning divides by no density: the largest
/// coefficient (but under elect_sign, whose mean does not know it) over the density. Left to a target's scale, so that
/// equal updates of opposite signs cancel exactly.
double common_factor(const WorkItem& item);

/// c_i over the largest coefficient.
double relative_coefficient(const WorkItem& item, std::size_t source);

/// Whether fp32 was too narrow for a chunk after all: something overflowed or came near it, or the squares all but
/// vanished. Decided by sums that both the fused kernel and the blocks return, bit for bit.
bool leaves_fp32(const WorkItem& item, const ItemResult& chunk, std::uint64_t elements);

}  // namespace retain::merge
