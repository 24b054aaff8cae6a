#include "merge/fold.hpp"

namespace retain::merge {

Fold::Fold(const std::vector<WorkItem>& items) {
  results_.reserve(items.size());
  for (const WorkItem& item : items) results_.push_back(empty_result(item.sources.size(), item.targets.size()));
}

void Fold::add(std::uint64_t number, std::size_t item, ItemResult part) {
  const std::lock_guard lock(mutex_);
  if (number != next_) {
    ahead_.emplace(number, std::pair{item, std::move(part)});
    return;
  }
  add_part(results_[item], part);
  ++next_;
  for (auto first = ahead_.begin(); first != ahead_.end() && first->first == next_; first = ahead_.erase(first)) {
    add_part(results_[first->second.first], first->second.second);
    ++next_;
  }
}

}  // namespace retain::merge
