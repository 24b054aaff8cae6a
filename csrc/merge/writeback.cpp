#include "merge/writeback.hpp"

namespace retain::merge {
namespace {

constexpr std::uint64_t kPendingBytes = 16 * 1024 * 1024;  // enough for a disk to be busy with

}  // namespace

void Writeback::add(std::uint64_t offset, std::uint64_t bytes) {
  file_.start_writing(offset, bytes);
  const std::lock_guard lock(mutex_);
  ranges_.emplace_back(offset, bytes);
  pending_ += bytes;
  drop_down_to(kPendingBytes);
}

void Writeback::finish() {
  const std::lock_guard lock(mutex_);
  drop_down_to(0);
}

void Writeback::drop_down_to(std::uint64_t bytes) {
  while (pending_ > bytes) {
    const auto [offset, size] = ranges_.front();
    ranges_.pop_front();
    pending_ -= size;
    file_.finish_writing(offset, size);
    file_.drop_cache(offset, size);
  }
}

}  // namespace retain::merge
