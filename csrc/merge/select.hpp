// Exact thresholds: the k-th largest magnitude of an update, found in two passes and fixed memory.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "merge/crew.hpp"
#include "merge/input.hpp"
#include "merge/work_item.hpp"

namespace retain::merge {

struct SelectOptions {
  std::size_t threads = 1;
  std::string isa;  ///< an instruction set by name; empty: the fastest this machine has
};

/// Per item and source the keep-th largest float(|d|), so that |d| ≥ threshold (as Thinning::kMagnitude compares) keeps
/// at least keep[item] elements, and more only where several equal the threshold. NaN counts as the largest. Targets
/// are not looked at, but for the arithmetic they ask for.
///
/// One thread takes one update of one item at a time, the largest first. It counts the upper 15 bits of all magnitudes,
/// then the lower 16 of those in the bin that holds the keep-th: 768 KiB a thread, whatever the tensor's size.
///
/// @return nothing if `progress`, which counts as run_stream's does, asked to stop.
/// @throw CheckpointError if an input cannot be read or is shorter than its items.
/// @throw MergeError if an item is impossible, or keep is not within 1 … elements.
std::optional<std::vector<std::vector<float>>> select_thresholds(const std::vector<Input>& inputs,
                                                                 const std::vector<WorkItem>& items,
                                                                 std::span<const std::uint64_t> keep,
                                                                 const SelectOptions& options,
                                                                 const Progress& progress);

}  // namespace retain::merge
