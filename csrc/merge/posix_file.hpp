// A file descriptor that closes itself and whose reads and writes are all or an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace retain::merge {

class PosixFile {
 public:
  /// Opens for reading only. @throw CheckpointError
  static PosixFile open_input(const std::string& path);

  /// Makes a new file of `bytes` bytes, to be written and read back, with its blocks allocated, so that a full disk
  /// shows before any work is done.
  /// @throw MergeError if it exists, cannot be made, or does not fit.
  static PosixFile create_output(const std::string& path, std::uint64_t bytes);

  PosixFile(PosixFile&& other) noexcept;
  PosixFile& operator=(PosixFile&&) = delete;
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;
  ~PosixFile();

  /// Its size now. @throw CheckpointError
  std::uint64_t size() const;

  /// Fills `bytes` from `offset`. @throw CheckpointError on a read error or if the file ends first.
  void read_at(std::span<std::byte> bytes, std::uint64_t offset) const;

  /// Writes all of `bytes` at `offset`. @throw MergeError
  void write_at(std::span<const std::byte> bytes, std::uint64_t offset) const;

  /// Returns when the data have reached the disk. @throw MergeError
  void sync() const;

  /// Lets `bytes` bytes at `to` share the disk blocks of `source` at `from` (reflink). @return whether the file system
  /// did; the reasons why most cannot are no errors.
  bool clone_from(const PosixFile& source, std::uint64_t from, std::uint64_t bytes, std::uint64_t to) const;

  /// Offers the memory behind the whole pages from the one that holds `offset` up to, not including, the one that holds
  /// the end. Advice: nothing fails.
  void drop_cache(std::uint64_t offset, std::uint64_t bytes) const;

  /// Begins to write a range to the disk, and waits until it is there. Advice: a failing disk shows in sync().
  void start_writing(std::uint64_t offset, std::uint64_t bytes) const;
  void finish_writing(std::uint64_t offset, std::uint64_t bytes) const;

 private:
  PosixFile(int descriptor, std::string path);

  int descriptor_;
  std::string path_;
};

}  // namespace retain::merge
