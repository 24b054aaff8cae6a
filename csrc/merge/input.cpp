#include "merge/input.hpp"

#include <algorithm>

#include "error.hpp"

namespace retain::merge {

OpenInput::OpenInput(const Input& input) : path_(input.path), memory_(input.bytes), size_(input.bytes.size()) {
  if (input.in_memory) return;
  file_.emplace(PosixFile::open_input(input.path));
  size_ = file_->size();
}

void OpenInput::read_at(std::span<std::byte> bytes, std::uint64_t offset) const {
  if (file_) {
    file_->read_at(bytes, offset);
    return;
  }
  if (offset > memory_.size() || bytes.size() > memory_.size() - offset) {
    throw CheckpointError("a tensor in memory ends before the elements that were to be read");
  }
  std::ranges::copy(memory_.subspan(static_cast<std::size_t>(offset), bytes.size()), bytes.begin());
}

}  // namespace retain::merge
