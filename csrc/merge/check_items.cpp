#include "merge/check_items.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "error.hpp"
#include "merge/dtype.hpp"

namespace retain::merge {
namespace {

constexpr std::size_t kMostEnds = 256;  // sources or targets of one item; pairs of sources are all measured

/// What is said of one item.
class Check {
 public:
  Check(std::size_t number, std::span<const OpenInput> inputs, std::span<const OpenOutput> outputs)
      : number_(number), inputs_(inputs), outputs_(outputs) {}

  void ends(const WorkItem& item) const {
    if (item.sources.size() > kMostEnds || item.targets.size() > kMostEnds) refuse("has more than 256 ends");
    reads(item.base, item.elements, item.stored, "reads a file that the plan does not list");
    thinning(item);
    for (const Source& end : item.sources) source(item, end);
  }

  void targets(const WorkItem& item) const {
    for (const Target& end : item.targets) target(item, end);
  }

 private:
  [[noreturn]] void refuse(const std::string& why) const {
    throw MergeError("work item " + std::to_string(number_) + " " + why);
  }

  void reads(const Span& span, std::uint64_t elements, DType stored, const char* unknown_file) const {
    if (span.file >= inputs_.size()) refuse(unknown_file);
    const OpenInput& input = inputs_[span.file];
    const std::uint64_t size = size_of(stored);
    if (elements > std::numeric_limits<std::int64_t>::max() / size) refuse("has more elements than a file can hold");
    const std::uint64_t bytes = elements * size;
    if (span.offset <= input.size() && bytes <= input.size() - span.offset) return;
    if (input.file() == nullptr) refuse("reads past the end of a tensor in memory");
    if (span.offset > std::numeric_limits<std::int64_t>::max()) refuse("reads at an offset that no file has");
    throw CheckpointError(input.path() + " ends at byte " + std::to_string(input.size()) + ", " +
                          std::to_string(span.offset + bytes - input.size()) +
                          " bytes before the end of a tensor that its header lists; was it truncated?");
  }

  void thinning(const WorkItem& item) const {
    if (!(item.density > 0.0 && item.density <= 1.0)) refuse("has a density outside (0, 1]");
    if (item.thinning != Thinning::kRanked) return;
    // Spelled so that NaN is refused.
    if (!(item.spread >= 0.0 && item.density - item.spread >= 0.0 && item.density + item.spread <= 1.0)) {
      refuse("has a spread that makes probabilities leave [0, 1]");
    }
    if (item.row_length > std::numeric_limits<std::uint32_t>::max()) refuse("has rows of more than 2^32 elements");
    if (item.row_length == 0 || item.elements % item.row_length != 0)
      refuse("has rows that do not divide its elements");
  }

  void source(const WorkItem& item, const Source& source) const {
    if (item.stored == DType::kOpaque) refuse("does arithmetic on integers; they can only be copied");
    if (source.span.has_value() == source.low_rank.has_value())
      refuse("needs a finetuned tensor or its factors, not both");
    if (!std::isfinite(source.coefficient)) refuse("has a coefficient that is not finite");
    if (item.elect_sign && !(source.coefficient > 0.0)) refuse("elects signs with a coefficient that is not positive");
    if (std::isnan(source.threshold)) refuse("has a threshold that is not a number");
    if (source.low_rank) {
      factors(item, *source.low_rank);
      return;
    }
    if (source.stored == DType::kOpaque) refuse("does arithmetic on integers; they can only be copied");
    reads(*source.span, item.elements, source.stored, "reads a finetuned file that the plan does not list");
  }

  void factors(const WorkItem& item, const LowRank& factors) const {
    if (factors.stored == DType::kOpaque) refuse("does arithmetic on integers; they can only be copied");
    if (!std::isfinite(factors.scale)) refuse("has a scale that is not finite");
    if (factors.rank == 0 || factors.columns == 0 || item.elements % factors.columns != 0) {
      refuse("has factors whose columns do not divide its elements");
    }
    const std::uint64_t rows = item.elements / factors.columns;
    if (std::max(rows, factors.columns) > std::numeric_limits<std::int64_t>::max() / factors.rank) {
      refuse("has factors with more elements than a file can hold");
    }
    reads(factors.a, factors.rank * factors.columns, factors.stored,
          "reads a finetuned file that the plan does not list");
    reads(factors.b, factors.rank * rows, factors.stored, "reads a finetuned file that the plan does not list");
  }

  void target(const WorkItem& item, const Target& target) const {
    if (target.output.file >= outputs_.size()) refuse("writes a file that the plan does not list");
    const OpenOutput& output = outputs_[target.output.file];
    if (target.output.offset < output.header_size()) refuse("would overwrite the header of its output");
    if (target.output.offset > output.size() ||
        item.elements > (output.size() - target.output.offset) / size_of(target.stored)) {
      refuse("ends past the end of its output");
    }
    if ((item.stored == DType::kOpaque) != (target.stored == DType::kOpaque)) {
      refuse("does arithmetic on integers; they can only be copied");
    }
    if (!std::isfinite(target.scale) || !std::isfinite(target.base_scale)) refuse("has a scale that is not finite");
    if (item.sources.empty() && std::fabs(target.base_scale) > 0.0) refuse("scales a base that is only copied");
    if (target.take == Take::kBase && target.stored != item.stored) refuse("takes bits of another type");
    if (target.take == Take::kFinetuned) {
      if (item.sources.size() != 1 || !item.sources[0].span)
        refuse("takes the bits of a finetuned end, but has not one");
      if (target.stored != item.sources[0].stored) refuse("takes bits of another type");
    }
  }

  std::size_t number_;
  std::span<const OpenInput> inputs_;
  std::span<const OpenOutput> outputs_;
};

void check_overlaps(std::size_t outputs, std::span<const WorkItem> items) {
  struct Extent {
    std::uint64_t begin;
    std::uint64_t end;
    std::size_t item;
  };
  std::vector<std::vector<Extent>> extents(outputs);
  for (std::size_t i = 0; i < items.size(); ++i) {
    for (const Target& target : items[i].targets) {
      const std::uint64_t begin = target.output.offset;
      const std::uint64_t bytes = items[i].elements * size_of(target.stored);
      if (bytes > 0) extents[target.output.file].push_back({begin, begin + bytes, i});
    }
  }
  for (std::vector<Extent>& file : extents) {
    std::ranges::sort(file, {}, &Extent::begin);
    for (std::size_t i = 1; i < file.size(); ++i) {
      if (file[i].begin >= file[i - 1].end) continue;
      throw MergeError("work items " + std::to_string(file[i - 1].item) + " and " + std::to_string(file[i].item) +
                       " write to the same place");
    }
  }
}

}  // namespace

void check_items(std::span<const OpenInput> inputs, std::span<const OpenOutput> outputs,
                 std::span<const WorkItem> items) {
  check_ends(inputs, items);
  for (std::size_t i = 0; i < items.size(); ++i) Check(i, inputs, outputs).targets(items[i]);
  check_overlaps(outputs.size(), items);
}

void check_ends(std::span<const OpenInput> inputs, std::span<const WorkItem> items) {
  for (std::size_t i = 0; i < items.size(); ++i) Check(i, inputs, {}).ends(items[i]);
}

}  // namespace retain::merge
