// Results of chunks, added up in the order of the chunks whichever threads made them: floating-point sums depend on it.
#pragma once

#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "merge/result.hpp"
#include "merge/work_item.hpp"

namespace retain::merge {

/// Keeps one result per item, and of the chunks only those that ran ahead of their predecessors.
class Fold {
 public:
  explicit Fold(const std::vector<WorkItem>& items);

  /// Chunk `number`, counted over all items from 0, belongs to `item`. Any thread may call.
  void add(std::uint64_t number, std::size_t item, ItemResult part);

  /// One result per item, when all chunks are in.
  std::vector<ItemResult> take() { return std::move(results_); }

 private:
  std::mutex mutex_;
  std::uint64_t next_ = 0;
  std::map<std::uint64_t, std::pair<std::size_t, ItemResult>> ahead_;
  std::vector<ItemResult> results_;
};

}  // namespace retain::merge
