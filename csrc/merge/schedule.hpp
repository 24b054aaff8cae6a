// The order in which chunks are carried out and, where files are hashed, the bytes between them are read.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "merge/work_item.hpp"

namespace retain::merge {

/// A piece of work for one thread: elements [first, first + count) of an item, or bytes of a file that are only hashed.
struct Unit {
  bool is_chunk = false;
  std::uint64_t number = 0;  ///< of a chunk, counted over all items
  std::size_t item = 0;
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  std::size_t file = 0;  ///< inputs first, then outputs
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

/// A file as far as its hash is concerned.
struct HashedFile {
  bool wanted = false;  ///< a file on disk that is to be hashed
  std::uint64_t size = 0;
};

/// Hands units out in the order of the items and of their elements, which keeps the kernel's readahead useful and adds
/// sums up in one order.
///
/// A file whose tensors are visited in the order of their bytes is hashed with them ("in passing"); what lies between
/// (headers, tensors nobody reads) becomes units of its own at the right place. Every other input is hashed by units of
/// its own beside the items. Items that share no file (shards) take turns, so that several files are hashed at a time.
class Schedule {
 public:
  /// @param inputs how many of `files` are inputs; the others are outputs. No files: nothing is hashed.
  Schedule(const std::vector<WorkItem>& items, std::size_t inputs, std::span<const HashedFile> files,
           std::size_t threads);

  /// The next unit; nothing when all are handed out. Any thread may call.
  std::optional<Unit> next();

  bool is_hashed_in_passing(std::size_t file) const { return !files_.empty() && in_passing_[file]; }

 private:
  /// Items that take turns with others', and the files that are hashed with them.
  struct Lane {
    std::vector<std::size_t> items;
    std::vector<std::size_t> files;
    std::size_t at = 0;
    std::uint64_t first = 0;
  };
  /// Where an item's elements lie in a file.
  struct Segment {
    std::size_t file;
    std::uint64_t offset;
    std::uint64_t element_bytes;
  };

  std::vector<Segment> segments(const WorkItem& item) const;
  std::vector<std::size_t> lanes_of_items();
  std::vector<std::size_t> lanes_of_outputs();
  void find_files_in_passing(const std::vector<std::size_t>& lane_of);
  std::optional<Unit> next_of(Lane& lane);
  std::optional<Unit> gap(std::size_t file, std::uint64_t end);

  const std::vector<WorkItem>& items_;
  std::size_t inputs_;
  std::vector<HashedFile> files_;
  std::size_t width_;  // lanes that take turns
  std::vector<bool> in_passing_;
  std::vector<std::uint64_t> planned_;  // per file, the first byte no unit was handed out for
  std::mutex mutex_;
  std::vector<Lane> lanes_;
  std::size_t turn_ = 0;
  std::uint64_t chunks_ = 0;
};

}  // namespace retain::merge
