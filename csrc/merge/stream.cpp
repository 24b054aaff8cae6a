#include "merge/stream.hpp"

#include <algorithm>
#include <mutex>

#include "merge/arithmetic.hpp"
#include "merge/check_items.hpp"
#include "merge/chunk.hpp"
#include "merge/dispatch.hpp"
#include "merge/dtype.hpp"
#include "merge/fold.hpp"

namespace retain::merge {
namespace {

struct Chunk {
  std::uint64_t number;  ///< over all items
  std::size_t item;
  std::uint64_t first;
  std::uint64_t count;
};

/// Hands chunks out in the order of the items and of their elements, which keeps the kernel's readahead useful.
class ChunkQueue {
 public:
  explicit ChunkQueue(const std::vector<WorkItem>& items) : items_(items) {}

  std::optional<Chunk> next() {
    const std::lock_guard lock(mutex_);
    while (item_ < items_.size() && first_ >= items_[item_].elements) {
      ++item_;
      first_ = 0;
    }
    if (item_ == items_.size()) return std::nullopt;
    const std::uint64_t count = std::min(chunk_elements(items_[item_]), items_[item_].elements - first_);
    const Chunk chunk{number_++, item_, first_, count};
    first_ += count;
    return chunk;
  }

 private:
  const std::vector<WorkItem>& items_;
  std::mutex mutex_;
  std::uint64_t number_ = 0;
  std::size_t item_ = 0;
  std::uint64_t first_ = 0;
};

}  // namespace

std::optional<std::vector<ItemResult>> run_stream(const std::vector<Input>& inputs, const std::vector<Output>& outputs,
                                                  const std::vector<WorkItem>& items, const StreamOptions& options,
                                                  const Progress& progress) {
  const KernelTable& kernels = choose_kernels(options.isa);
  std::vector<OpenInput> sources;
  sources.reserve(inputs.size());
  for (const Input& input : inputs) sources.emplace_back(input);
  std::vector<OpenOutput> targets;
  targets.reserve(outputs.size());
  for (const Output& output : outputs) targets.emplace_back(output);
  check_items(sources, targets, items);
  for (OpenOutput& target : targets) target.prepare();

  Crew crew;
  ChunkQueue queue(items);
  Fold fold(items);
  PanelStore panels(sources, kernels);
  const auto body = [&] {
    ChunkWorker worker(sources, targets, panels, kernels);
    while (!crew.is_stopped()) {
      const std::optional<Chunk> chunk = queue.next();
      if (!chunk) break;
      const WorkItem& item = items[chunk->item];
      fold.add(chunk->number, chunk->item, worker.run(item, chunk->first, chunk->count));
      crew.advance(chunk->count * size_of(item.stored));
    }
  };
  if (!crew.run(options.threads, body, nullptr, progress)) return std::nullopt;
  if (options.sync) {
    for (const OpenOutput& target : targets) target.sync();
  }
  return fold.take();
}

}  // namespace retain::merge
