#include "record/black_box.hpp"

#include <algorithm>
#include <cstring>

namespace retain {

BlackBox::BlackBox(Nanoseconds window_ns, std::size_t capacity) : window_ns_(window_ns), bytes_(capacity) {}

void BlackBox::push(const Message& message) noexcept {
  newest_ns_ = std::max(newest_ns_, message.log_ns);
  while (used() > 0) {
    const Entry oldest = entry_at(tail_);
    if (oldest.log_ns >= newest_ns_ - window_ns_) break;
    tail_ += sizeof(Entry) + oldest.size;
  }
  const std::size_t needed = sizeof(Entry) + message.data.size();
  if (needed > bytes_.size()) {
    ++crowded_out_;
    return;
  }
  while (bytes_.size() - used() < needed) {
    tail_ += sizeof(Entry) + entry_at(tail_).size;
    ++crowded_out_;
  }
  const Entry entry{.size = message.data.size(),
                    .sequence = message.sequence,
                    .topic = message.topic,
                    .log_ns = message.log_ns,
                    .publish_ns = message.publish_ns};
  copy_in(head_, &entry, sizeof(Entry));
  copy_in(head_ + sizeof(Entry), message.data.data(), message.data.size());
  head_ += needed;
}

void BlackBox::for_each(const std::function<void(const Message&)>& visit) const {
  std::vector<std::byte> data;
  for (std::uint64_t position = tail_; position != head_;) {
    const Entry entry = entry_at(position);
    // One behind the oldest can be older than it: an answer is recorded after ticks that came later.
    if (entry.log_ns >= newest_ns_ - window_ns_) {
      data.resize(entry.size);
      copy_out(position + sizeof(Entry), data.data(), data.size());
      visit({.topic = entry.topic,
             .sequence = entry.sequence,
             .log_ns = entry.log_ns,
             .publish_ns = entry.publish_ns,
             .data = data});
    }
    position += sizeof(Entry) + entry.size;
  }
}

BlackBox::Entry BlackBox::entry_at(std::uint64_t position) const noexcept {
  Entry entry;
  copy_out(position, &entry, sizeof(Entry));
  return entry;
}

void BlackBox::copy_in(std::uint64_t position, const void* data, std::size_t size) noexcept {
  if (size == 0) return;
  const std::size_t place = position % bytes_.size();
  const std::size_t first = std::min(size, bytes_.size() - place);
  std::memcpy(bytes_.data() + place, data, first);
  std::memcpy(bytes_.data(), static_cast<const std::byte*>(data) + first, size - first);
}

void BlackBox::copy_out(std::uint64_t position, void* data, std::size_t size) const noexcept {
  if (size == 0) return;
  const std::size_t place = position % bytes_.size();
  const std::size_t first = std::min(size, bytes_.size() - place);
  std::memcpy(data, bytes_.data() + place, first);
  std::memcpy(static_cast<std::byte*>(data) + first, bytes_.data(), size - first);
}

}  // namespace retain
