// Where bytes come from: a file that is only read, or memory of the caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "merge/posix_file.hpp"

namespace retain::merge {

/// What a plan names as an input.
struct Input {
  static Input file(std::string path) { return {std::move(path), {}, false}; }
  static Input memory(std::span<const std::byte> bytes) { return {{}, bytes, true}; }

  std::string path;
  std::span<const std::byte> bytes;  ///< stays the caller's, who keeps it alive
  bool in_memory = false;
};

/// An input that is open, with its size at that moment.
class OpenInput {
 public:
  /// @throw CheckpointError
  explicit OpenInput(const Input& input);

  std::uint64_t size() const { return size_; }
  /// Empty for memory.
  const std::string& path() const { return path_; }
  const PosixFile* file() const { return file_ ? &*file_ : nullptr; }

  /// Fills `bytes` from `offset`. @throw CheckpointError on a read error or if the input ends first.
  void read_at(std::span<std::byte> bytes, std::uint64_t offset) const;

 private:
  std::string path_;
  std::optional<PosixFile> file_;
  std::span<const std::byte> memory_;
  std::uint64_t size_ = 0;
};

}  // namespace retain::merge
