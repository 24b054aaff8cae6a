#include "merge/reflink.hpp"

#include <set>
#include <utility>

#include "merge/dtype.hpp"

namespace retain::merge {
namespace {

constexpr std::uint64_t kBlock = 4096;                // what file systems that clone ask for
constexpr std::uint64_t kSmallestClone = 256 * 1024;  // below, an extent of its own costs more than a write

}  // namespace

std::vector<std::vector<ClonedRange>> clone_copies(std::span<const OpenInput> inputs,
                                                   std::span<const OpenOutput> outputs,
                                                   std::span<const WorkItem> items) {
  std::vector<std::vector<ClonedRange>> cloned(items.size());
  std::set<std::pair<std::size_t, std::size_t>> refused;  // pairs of files that cannot
  for (std::size_t i = 0; i < items.size(); ++i) {
    const WorkItem& item = items[i];
    cloned[i].resize(item.targets.size());
    const PosixFile* source = inputs[item.base.file].file();
    if (source == nullptr || !item.sources.empty()) continue;
    for (std::size_t t = 0; t < item.targets.size(); ++t) {
      const Span& output = item.targets[t].output;
      const OpenOutput& target = outputs[output.file];
      const std::pair pair{item.base.file, output.file};
      if (item.targets[t].stored != item.stored || !target.is_created()) continue;
      if (item.base.offset % kBlock != output.offset % kBlock || refused.contains(pair)) continue;
      const std::uint64_t begin = (output.offset + kBlock - 1) / kBlock * kBlock;
      const std::uint64_t end = (output.offset + item.elements * size_of(item.stored)) / kBlock * kBlock;
      if (end < begin + kSmallestClone) continue;
      if (target.file().clone_from(*source, item.base.offset + (begin - output.offset), end - begin, begin)) {
        cloned[i][t] = {begin, end};
      } else {
        refused.insert(pair);
      }
    }
  }
  return cloned;
}

}  // namespace retain::merge
