// Plain copies that the file system makes by sharing disk blocks, before a byte is written.
#pragma once

#include <span>
#include <vector>

#include "merge/input.hpp"
#include "merge/output.hpp"
#include "merge/work_item.hpp"

namespace retain::merge {

/// Bytes of an output file that need not be written.
struct ClonedRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// Clones the whole blocks in the middle of every tensor that goes unchanged from a file to a new file, where both
/// begin at the same place within a block and the file system can. The edges, and every tensor elsewhere, are left to
/// be written.
/// @return per item and target what was cloned; an empty range where nothing was.
std::vector<std::vector<ClonedRange>> clone_copies(std::span<const OpenInput> inputs,
                                                   std::span<const OpenOutput> outputs,
                                                   std::span<const WorkItem> items);

}  // namespace retain::merge
