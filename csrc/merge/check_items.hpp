// What a plan must satisfy before a byte of it is carried out.
#pragma once

#include <span>

#include "merge/input.hpp"
#include "merge/output.hpp"
#include "merge/work_item.hpp"

namespace retain::merge {

/// Refuses every item that cannot be carried out: files that are not listed, spans past an end, sizes that overflow,
/// arithmetic on opaque tensors, options without meaning, two targets in one place.
/// @throw CheckpointError if an input file is shorter than an item says. @throw MergeError for everything else.
void check_items(std::span<const OpenInput> inputs, std::span<const OpenOutput> outputs,
                 std::span<const WorkItem> items);

/// The same for what items read alone: their targets are not looked at.
void check_ends(std::span<const OpenInput> inputs, std::span<const WorkItem> items);

}  // namespace retain::merge
