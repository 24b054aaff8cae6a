#include "merge/digests.hpp"

namespace retain::merge {

bool OrderedDigests::put(std::size_t file, std::uint64_t offset, std::span<const std::byte> bytes) {
  {
    std::unique_lock lock(mutex_);
    moved_.wait(lock, [&] { return stopped_ || next_[file] == offset; });
    if (stopped_) return false;
  }
  // Nobody else can be at this place: without the lock, so that other files are hashed meanwhile.
  digests_.update(file, bytes);
  {
    const std::lock_guard lock(mutex_);
    next_[file] = offset + bytes.size();
  }
  moved_.notify_all();
  return true;
}

void OrderedDigests::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  moved_.notify_all();
}

}  // namespace retain::merge
