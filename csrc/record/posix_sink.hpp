// A file that takes bytes until it fails, and then remembers why and swallows the rest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace retain {

/// Nothing here throws or ends the process: a full disk must not stop an arm in mid-motion.
class PosixSink {
 public:
  PosixSink() = default;
  PosixSink(const PosixSink&) = delete;
  PosixSink& operator=(const PosixSink&) = delete;
  ~PosixSink() { close(); }

  /// Makes or empties the file.
  /// @return whether it is open; if not, error() says why
  bool open(const std::string& path);

  /// Ignored after a failure.
  void write(std::span<const std::byte> bytes) noexcept;

  /// Waits until the disk has it: after a fault the power may be cut.
  void close() noexcept;

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  /// Empty while all is well.
  [[nodiscard]] const std::string& error() const noexcept { return error_; }

 private:
  void fail(const char* what) noexcept;

  int descriptor_ = -1;
  std::uint64_t size_ = 0;
  std::string path_;
  std::string error_;
};

}  // namespace retain
