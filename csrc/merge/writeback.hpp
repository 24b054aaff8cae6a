// Keeps what a stream has written from filling the memory that others' files are cached in.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <utility>

#include "merge/posix_file.hpp"

namespace retain::merge {

/// Sends ranges of one file to the disk as they are written, waits for those some way behind and drops them.
class Writeback {
 public:
  explicit Writeback(const PosixFile& file) : file_(file) {}

  /// A range has been written. Any thread may call.
  void add(std::uint64_t offset, std::uint64_t bytes);

  /// Waits for all that is under way and drops it.
  void finish();

 private:
  void drop_down_to(std::uint64_t bytes);

  const PosixFile& file_;
  std::mutex mutex_;
  std::deque<std::pair<std::uint64_t, std::uint64_t>> ranges_;  // offset and bytes, in the order of writing
  std::uint64_t pending_ = 0;                                   // bytes of all ranges
};

}  // namespace retain::merge
