// The streaming merge: work items over files and memory, in fixed chunks, on a few threads, in memory that does not
// grow with the files.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "merge/crew.hpp"
#include "merge/digests.hpp"
#include "merge/input.hpp"
#include "merge/output.hpp"
#include "merge/result.hpp"
#include "merge/work_item.hpp"

namespace retain::merge {

struct StreamOptions {
  std::size_t threads = 1;
  bool sync = true;  ///< return only when the outputs are on the disk
  std::string isa;   ///< an instruction set by name; empty: the fastest this machine has
  /// Gets every byte of every input file and every new output, in order, as they pass; a file that the items visit in
  /// another order than its own is read once more. Null: nothing is hashed.
  Digests* digests = nullptr;
  /// Drop what was read and written from the system's cache, for files that are larger than the memory.
  bool drop_cache = false;
};

/// Carries the items out. Results and files do not depend on the number of threads or the instruction set: chunks are
/// fixed, and their sums are added in order. Non-finite values do not stop the stream, so that one run names all of
/// them. Progress counts the bytes of the bases.
///
/// @return one result per item, in order; nothing if `progress` asked to stop.
/// @throw CheckpointError if an input cannot be read or is shorter than its items.
/// @throw MergeError if an output cannot be written, or an item is impossible (check_items).
std::optional<std::vector<ItemResult>> run_stream(const std::vector<Input>& inputs, const std::vector<Output>& outputs,
                                                  const std::vector<WorkItem>& items, const StreamOptions& options,
                                                  const Progress& progress);

}  // namespace retain::merge
