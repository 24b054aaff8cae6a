#include "merge/schedule.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>

#include "merge/arithmetic.hpp"
#include "merge/dtype.hpp"

namespace retain::merge {
namespace {

/// Files and items as nodes; those connected end in one group.
class Groups {
 public:
  explicit Groups(std::size_t nodes) : parent_(nodes) { std::iota(parent_.begin(), parent_.end(), std::size_t{0}); }

  std::size_t root(std::size_t node) {
    while (parent_[node] != node) node = parent_[node] = parent_[parent_[node]];
    return node;
  }
  void join(std::size_t a, std::size_t b) { parent_[root(a)] = root(b); }

 private:
  std::vector<std::size_t> parent_;
};

}  // namespace

Schedule::Schedule(const std::vector<WorkItem>& items, std::size_t inputs, std::span<const HashedFile> files,
                   std::size_t threads)
    : items_(items),
      inputs_(inputs),
      files_(files.begin(), files.end()),
      width_(std::max<std::size_t>(threads, 1)),
      in_passing_(files.size()),
      planned_(files.size()) {
  find_files_in_passing(lanes_of_items());
  for (std::size_t file = 0; file < files_.size(); ++file) {
    if (file < inputs_ && files_[file].wanted && !in_passing_[file]) lanes_.push_back({{}, {file}, 0, 0});
  }
}

std::vector<Schedule::Segment> Schedule::segments(const WorkItem& item) const {
  std::vector<Segment> found;
  if (files_.empty()) return found;
  const auto add = [&](std::size_t file, const Span& span, DType stored) {
    if (files_[file].wanted) found.push_back({file, span.offset, size_of(stored)});
  };
  add(item.base.file, item.base, item.stored);
  for (const Source& source : item.sources) {
    if (source.span) add(source.span->file, *source.span, source.stored);
  }
  for (const Target& target : item.targets) add(inputs_ + target.output.file, target.output, target.stored);
  return found;
}

/// Makes one lane per group of items that share files. @return the lane of every item.
std::vector<std::size_t> Schedule::lanes_of_items() {
  if (files_.empty()) return lanes_of_outputs();
  Groups groups(files_.size() + items_.size());
  for (std::size_t i = 0; i < items_.size(); ++i) {
    for (const Segment& segment : segments(items_[i])) groups.join(files_.size() + i, segment.file);
  }
  constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();
  std::vector<std::size_t> lane_of_root(files_.size() + items_.size(), kNone);
  std::vector<std::size_t> lane_of(items_.size());
  std::size_t lane_without_files = kNone;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const bool has_files = !segments(items_[i]).empty();
    std::size_t& lane = has_files ? lane_of_root[groups.root(files_.size() + i)] : lane_without_files;
    if (lane == kNone) {
      lane = lanes_.size();
      lanes_.emplace_back();
    }
    lanes_[lane].items.push_back(i);
    lane_of[i] = lane;
  }
  return lane_of;
}

/// Where nothing is hashed, items of different output files take turns: the kernel lets only one thread at a time write
/// to a file.
std::vector<std::size_t> Schedule::lanes_of_outputs() {
  std::map<std::size_t, std::size_t> lane_of_output;
  std::vector<std::size_t> lane_of;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const std::size_t output = items_[i].targets.empty() ? 0 : items_[i].targets.front().output.file;
    const auto [found, is_new] = lane_of_output.try_emplace(output, lanes_.size());
    if (is_new) lanes_.emplace_back();
    lanes_[found->second].items.push_back(i);
    lane_of.push_back(found->second);
  }
  return lane_of;
}

/// Those whose tensors lie, in the order of the items, one behind the other. An item that has two tensors in one file
/// visits it in turns.
void Schedule::find_files_in_passing(const std::vector<std::size_t>& lane_of) {
  constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();
  std::vector<std::uint64_t> end(files_.size(), 0);
  std::vector<std::size_t> lane(files_.size(), kNone);
  std::vector<std::size_t> last_item(files_.size(), kNone);
  for (std::size_t file = 0; file < files_.size(); ++file) in_passing_[file] = files_[file].wanted;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    if (items_[i].elements == 0) continue;
    for (const Segment& segment : segments(items_[i])) {
      const std::size_t file = segment.file;
      if (segment.offset < end[file] || last_item[file] == i) in_passing_[file] = false;
      end[file] = segment.offset + items_[i].elements * segment.element_bytes;
      last_item[file] = i;
      lane[file] = lane_of[i];
    }
  }
  for (std::size_t file = 0; file < files_.size(); ++file) {
    if (lane[file] == kNone) in_passing_[file] = false;
    if (in_passing_[file]) lanes_[lane[file]].files.push_back(file);
  }
}

std::optional<Unit> Schedule::next() {
  const std::lock_guard lock(mutex_);
  while (!lanes_.empty()) {
    const std::size_t turn = turn_ % std::min(width_, lanes_.size());
    if (std::optional<Unit> unit = next_of(lanes_[turn])) {
      turn_ = turn + 1;
      return unit;
    }
    lanes_.erase(lanes_.begin() + static_cast<std::ptrdiff_t>(turn));
  }
  return std::nullopt;
}

std::optional<Unit> Schedule::next_of(Lane& lane) {
  for (; lane.at < lane.items.size(); ++lane.at, lane.first = 0) {
    const std::size_t index = lane.items[lane.at];
    const WorkItem& item = items_[index];
    if (lane.first >= item.elements) continue;
    const std::vector<Segment> parts = segments(item);
    for (const Segment& part : parts) {
      if (!in_passing_[part.file]) continue;
      if (std::optional<Unit> unit = gap(part.file, part.offset + lane.first * part.element_bytes)) return unit;
    }
    const std::uint64_t count = std::min(chunk_elements(item), item.elements - lane.first);
    const Unit unit{true, chunks_++, index, lane.first, count, 0, 0, 0};
    lane.first += count;
    for (const Segment& part : parts) {
      if (in_passing_[part.file]) planned_[part.file] = part.offset + lane.first * part.element_bytes;
    }
    return unit;
  }
  for (const std::size_t file : lane.files) {
    if (std::optional<Unit> unit = gap(file, files_[file].size)) return unit;
  }
  return std::nullopt;
}

/// The next bytes of a file that no item brings, up to `end`.
std::optional<Unit> Schedule::gap(std::size_t file, std::uint64_t end) {
  if (planned_[file] >= end) return std::nullopt;
  const std::uint64_t bytes = std::min<std::uint64_t>(end - planned_[file], kChunkBytes);
  const Unit unit{false, 0, 0, 0, 0, file, planned_[file], bytes};
  planned_[file] += bytes;
  return unit;
}

}  // namespace retain::merge
