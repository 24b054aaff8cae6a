// Hash sums of whole files, taken while their bytes pass through the stream.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

namespace retain::merge {

/// Who computes hash sums; the stream itself knows no hash function. Files are numbered: the inputs, then the outputs.
class Digests {
 public:
  virtual ~Digests() = default;

  /// The next bytes of a file. Called from many threads, but never twice at once for one file.
  virtual void update(std::size_t file, std::span<const std::byte> bytes) = 0;
};

/// Brings every file's bytes to its digest in order, though many threads read them: whoever holds bytes that are not
/// next waits.
///
/// This cannot deadlock. Units of work are handed out in one order, each to a thread that finishes it before it takes
/// the next, and the schedule sees to it that the bytes before a unit's bytes, in every file, belong to units handed
/// out earlier. So of all unfinished units the earliest waits for nobody, and whoever waits, waits for earlier ones. A
/// crew that stops wakes all who wait, since the one waited for may never come.
class OrderedDigests {
 public:
  OrderedDigests(Digests& digests, std::size_t files) : digests_(digests), next_(files) {}

  /// Hashes the bytes that begin at `offset` when all before them are hashed. @return false if stopped while waiting.
  bool put(std::size_t file, std::uint64_t offset, std::span<const std::byte> bytes);

  /// Wakes all who wait, for good.
  void stop();

 private:
  Digests& digests_;
  std::mutex mutex_;
  std::condition_variable moved_;
  std::vector<std::uint64_t> next_;  // per file, the first byte not yet hashed
  bool stopped_ = false;
};

}  // namespace retain::merge
