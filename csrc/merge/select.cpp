#include "merge/select.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <limits>
#include <string>

#include "error.hpp"
#include "merge/arithmetic.hpp"
#include "merge/check_items.hpp"
#include "merge/chunk_reader.hpp"
#include "merge/dispatch.hpp"
#include "merge/dtype.hpp"

namespace retain::merge {
namespace {

constexpr unsigned kLowBits = 16;
constexpr std::size_t kUpperBins = std::size_t{1} << 15;
/// Neighbours count in tables of their own: 16-bit ends make few distinct magnitudes, and one increment waits for the
/// one before it where both meet in a bin.
constexpr std::size_t kTables = 4;
constexpr std::size_t kLowerBins = std::size_t{1} << kLowBits;

/// One update of one item.
struct Job {
  std::size_t item;
  std::size_t source;
};

/// The bin that holds the `keep`-th largest of what was counted; keep becomes its place within that bin.
std::uint32_t bin_of(std::span<const std::uint32_t> counts, std::uint64_t& keep) {
  std::size_t bin = counts.size();
  while (bin > 0) {
    --bin;
    if (counts[bin] >= keep) break;
    keep -= counts[bin];
  }
  return static_cast<std::uint32_t>(bin);
}

/// The thread's memory: buffers of a chunk, blocks of both arithmetics, and the counts.
class Selection {
 public:
  Selection(std::span<const OpenInput> inputs, PanelStore& panels, const KernelTable& kernels, Crew& crew)
      : kernels_(kernels),
        crew_(crew),
        reader_(inputs, panels),
        single_(inputs, kernels, kernels.single_blocks),
        double_(inputs, kernels, kernels.double_blocks),
        upper_(kTables * kUpperBins),
        lower_(kLowerBins),
        bits_(kBlockElements),
        found_(kBlockElements) {}

  /// The threshold of one update; nothing of use if the crew was stopped meanwhile.
  float run(const WorkItem& item, std::size_t source, std::uint64_t keep) {
    std::ranges::fill(upper_, 0U);
    visit(item, source, [this](std::size_t filled) {
      for (std::size_t i = 0; i < filled; ++i) ++upper_[i % kTables * kUpperBins + (bits_[i] >> kLowBits)];
    });
    for (std::size_t i = kUpperBins; i < upper_.size(); ++i) upper_[i % kUpperBins] += upper_[i];
    const std::uint32_t upper = bin_of(std::span(upper_).first(kUpperBins), keep);

    std::ranges::fill(lower_, 0U);
    visit(item, source, [this, upper](std::size_t filled) {
      // What fills a last block up is zero, and so counted only where the bin holds zero.
      const std::size_t found = kernels_.keep_bin(bits_.data(), upper, found_.data());
      for (std::size_t i = 0; i < found; ++i) ++lower_[found_[i] % kLowerBins];
      if (upper == 0) lower_[0] -= static_cast<std::uint32_t>(kBlockElements - filled);
    });
    return std::bit_cast<float>(upper << kLowBits | bin_of(lower_, keep));
  }

 private:
  template <class Count>
  void visit(const WorkItem& item, std::size_t source, const Count& count) {
    const std::uint64_t step = chunk_elements(item);
    for (std::uint64_t first = 0; first < item.elements && !crew_.is_stopped(); first += step) {
      const auto elements = static_cast<std::size_t>(std::min(step, item.elements - first));
      reader_.read(item, first, elements, bytes_, source);
      if (computes_in_double(item)) {
        visit_chunk(double_, kernels_.double_blocks, item, source, count);
      } else {
        visit_chunk(single_, kernels_.single_blocks, item, source, count);
      }
      // Both passes of all the item's updates together count its bytes once.
      pending_ += elements * size_of(item.stored);
      const std::uint64_t passes = 2 * item.sources.size();
      crew_.advance(pending_ / passes);
      pending_ %= passes;
    }
  }

  template <class Real, class Count>
  void visit_chunk(Updates<Real>& updates, const BlockTable<Real>& blocks, const WorkItem& item, std::size_t source,
                   const Count& count) {
    updates.begin_chunk(item, bytes_);
    for (std::size_t begin = 0; begin < bytes_.count; begin += kBlockElements) {
      updates.read_base(begin);
      updates.read_update(begin, source);
      blocks.magnitudes(updates.update(source), bits_.data());
      count(std::min(kBlockElements, bytes_.count - begin));
    }
  }

  const KernelTable& kernels_;
  Crew& crew_;
  ChunkReader reader_;
  Updates<float> single_;
  Updates<double> double_;
  ChunkBytes bytes_;
  std::vector<std::uint32_t> upper_;
  std::vector<std::uint32_t> lower_;
  std::vector<std::uint32_t> bits_;
  std::vector<std::uint32_t> found_;
  std::uint64_t pending_ = 0;  // bytes not yet reported, times the passes
};

void check_keep(const std::vector<WorkItem>& items, std::span<const std::uint64_t> keep) {
  if (keep.size() != items.size()) throw MergeError("every work item needs its own count of elements to keep");
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].sources.empty()) continue;
    const std::string number = std::to_string(i);
    if (keep[i] == 0 || keep[i] > items[i].elements) {
      throw MergeError("work item " + number + " keeps " + std::to_string(keep[i]) + " of " +
                       std::to_string(items[i].elements) + " elements; it must keep at least one and no more than all");
    }
    if (items[i].elements > std::numeric_limits<std::uint32_t>::max()) {
      throw MergeError("work item " + number + " has more than 2^32 elements, too many to count");
    }
  }
}

}  // namespace

std::optional<std::vector<std::vector<float>>> select_thresholds(const std::vector<Input>& inputs,
                                                                 const std::vector<WorkItem>& items,
                                                                 std::span<const std::uint64_t> keep,
                                                                 const SelectOptions& options,
                                                                 const Progress& progress) {
  const KernelTable& kernels = choose_kernels(options.isa);
  std::vector<OpenInput> open;
  open.reserve(inputs.size());
  for (const Input& input : inputs) open.emplace_back(input);
  check_ends(open, items);
  check_keep(items, keep);

  std::vector<Job> jobs;
  std::vector<std::vector<float>> thresholds(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    thresholds[i].resize(items[i].sources.size());
    for (std::size_t s = 0; s < items[i].sources.size(); ++s) jobs.push_back({i, s});
  }
  std::ranges::stable_sort(jobs, std::ranges::greater{}, [&](const Job& job) { return items[job.item].elements; });

  Crew crew;
  PanelStore panels(open, kernels);
  std::atomic<std::size_t> next{0};
  const auto body = [&] {
    Selection selection(open, panels, kernels, crew);
    while (!crew.is_stopped()) {
      const std::size_t j = next.fetch_add(1);
      if (j >= jobs.size()) break;
      const auto [item, source] = jobs[j];
      thresholds[item][source] = selection.run(items[item], source, keep[item]);
    }
  };
  if (!crew.run(options.threads, body, nullptr, progress)) return std::nullopt;
  return thresholds;
}

}  // namespace retain::merge
