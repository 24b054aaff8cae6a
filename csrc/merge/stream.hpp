// The streaming merge: work items over files, in fixed chunks, on a few threads, in memory that does not grow with the
// files.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "merge/kernel.hpp"

namespace retain::merge {

enum class Operation : std::uint8_t {
  kCopy,     ///< the bytes of `base`; the finetuned end is not read
  kConvert,  ///< `base` rounded to another type; the finetuned end is not read
  kLinear,   ///< round(p + α·(f − p))
};

/// Where a tensor begins: which of the stream's input (or output) files, and the byte in it.
struct Span {
  std::size_t file = 0;
  std::uint64_t offset = 0;
};

/// One tensor's way from the inputs to the output. `base` is the only source of a copy or a conversion, whichever end
/// it is from.
struct WorkItem {
  Operation operation = Operation::kCopy;
  DType stored_in = DType::kOpaque;
  DType stored_out = DType::kOpaque;
  std::uint64_t elements = 0;
  double alpha = 0.0;
  Span base;
  Span finetuned;
  Span output;
};

struct OutputFile {
  std::string path;
  std::uint64_t bytes = 0;  ///< final size, header included
  std::string header;       ///< written at byte 0, as it is
};

enum class Origin : std::uint8_t {
  kBase,       ///< the base (or the only source) holds it
  kFinetuned,  ///< the finetuned end holds it
  kMerged,     ///< both ends are finite there: the result does not fit the stored type
};

struct NotFinite {
  std::uint64_t element = 0;  ///< the first one, counted from the tensor's start
  Origin origin = Origin::kBase;
};

struct ItemResult {
  Sums sums{};  ///< of a linear item; a copy or a conversion fills only not_finite
  std::optional<NotFinite> first_not_finite;
};

struct StreamOptions {
  std::size_t threads = 1;
  bool sync = true;  ///< return only when the outputs are on the disk
  std::string isa;   ///< an instruction set by name; empty: the fastest this machine has
};

/// Called from the calling thread about ten times a second with the bytes written so far; false stops the stream.
using Progress = std::function<bool(std::uint64_t)>;

/// What one thread reads or writes at a time. Larger blocks were measured to be slower (fresh pages), smaller ones too
/// (calls).
inline constexpr std::size_t kChunkBytes = 256 * 1024;

/// Carries the items out. Results and files do not depend on the number of threads or the instruction set: chunks are
/// fixed, and their sums are added in order. Non-finite values do not stop the stream, so that one run names all of
/// them.
///
/// @return one result per item, in order; nothing if `progress` asked to stop.
/// @throw CheckpointError if an input cannot be read or is shorter than its items.
/// @throw MergeError if an output cannot be written, or an item is impossible (a file index out of range, a span past
/// its output's end, an operation on types that have none).
std::optional<std::vector<ItemResult>> run_stream(const std::vector<std::string>& inputs,
                                                  const std::vector<OutputFile>& outputs,
                                                  const std::vector<WorkItem>& items, const StreamOptions& options,
                                                  const Progress& progress);

}  // namespace retain::merge
