#include "merge/output.hpp"

#include <algorithm>
#include <cstring>

namespace retain::merge {
namespace {

std::uint64_t count_different(std::span<const std::byte> a, std::span<const std::byte> b) {
  if (std::memcmp(a.data(), b.data(), a.size()) == 0) return 0;
  std::uint64_t different = 0;
  for (std::size_t i = 0; i < a.size(); ++i) different += a[i] != b[i] ? 1 : 0;
  return different;
}

}  // namespace

OpenOutput::OpenOutput(const Output& output)
    : kind_(output.kind), path_(output.path), header_(output.header), memory_(output.bytes), size_(output.size) {
  if (kind_ != OutputKind::kCompare) return;
  file_.emplace(PosixFile::open_input(path_));
  size_ = file_->size();
}

void OpenOutput::prepare() {
  if (kind_ != OutputKind::kCreate) return;
  file_.emplace(PosixFile::create_output(path_, size_));
  file_->write_at(std::as_bytes(std::span(header_)), 0);
}

std::uint64_t OpenOutput::put(std::span<const std::byte> bytes, std::uint64_t offset,
                              std::span<std::byte> scratch) const {
  switch (kind_) {
    case OutputKind::kCreate:
      file_->write_at(bytes, offset);
      return 0;
    case OutputKind::kMemory:
      std::ranges::copy(bytes, memory_.subspan(static_cast<std::size_t>(offset)).begin());
      return 0;
    case OutputKind::kCompare:
      file_->read_at(scratch, offset);
      return count_different(bytes, scratch);
  }
  return 0;
}

void OpenOutput::sync() const {
  if (kind_ == OutputKind::kCreate) file_->sync();
}

}  // namespace retain::merge
