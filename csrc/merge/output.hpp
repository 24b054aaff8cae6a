// Where results go: a new file, an existing file they are only compared with, or memory of the caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "merge/posix_file.hpp"

namespace retain::merge {

enum class OutputKind : std::uint8_t { kCreate, kCompare, kMemory };

/// What a plan names as an output.
struct Output {
  static Output create(std::string path, std::uint64_t size, std::string header) {
    return {OutputKind::kCreate, std::move(path), size, std::move(header), {}};
  }
  static Output compare(std::string path) { return {OutputKind::kCompare, std::move(path), 0, {}, {}}; }
  static Output memory(std::span<std::byte> bytes) { return {OutputKind::kMemory, {}, bytes.size(), {}, bytes}; }

  OutputKind kind = OutputKind::kCreate;
  std::string path;
  std::uint64_t size = 0;      ///< of a new file, its header included, or of the memory
  std::string header;          ///< of a new file: written at byte 0, as it is
  std::span<std::byte> bytes;  ///< stays the caller's, who keeps it alive
};

/// An output that is open.
class OpenOutput {
 public:
  /// Of the three kinds, only a comparison needs its file now; new files are made by prepare(), when the plan has been
  /// found possible. @throw MergeError
  explicit OpenOutput(const Output& output);

  /// Makes a new file with its blocks allocated and writes its header; nothing for the other kinds. @throw MergeError
  void prepare();

  std::uint64_t size() const { return size_; }
  std::uint64_t header_size() const { return header_.size(); }
  bool is_created() const { return kind_ == OutputKind::kCreate; }
  bool is_compared() const { return kind_ == OutputKind::kCompare; }
  const std::string& header() const { return header_; }
  const PosixFile& file() const { return *file_; }

  /// Puts all of `bytes` at `offset`; a comparison reads into `scratch`, of the same size, instead.
  /// @return how many bytes differ from those that are there, in a comparison. @throw MergeError
  std::uint64_t put(std::span<const std::byte> bytes, std::uint64_t offset, std::span<std::byte> scratch) const;

  /// Returns when a new file has reached the disk. @throw MergeError
  void sync() const;

 private:
  OutputKind kind_;
  std::string path_;
  std::string header_;
  std::span<std::byte> memory_;
  std::optional<PosixFile> file_;
  std::uint64_t size_;
};

}  // namespace retain::merge
