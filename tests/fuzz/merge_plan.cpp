// A hostile plan made of the fuzzer's bytes: whatever the items say, the stream either carries them out or refuses them
// with an error of its own, and never reads or writes outside its memory. What it carries out, the scalar kernels must
// carry out alike.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

#include "error.hpp"
#include "merge/dtype.hpp"
#include "merge/select.hpp"
#include "merge/stream.hpp"

namespace {

using namespace retain::merge;

using Bytes = std::vector<std::byte>;

/// Reads decisions off the fuzzer's bytes; zeros when they are used up.
class Decisions {
 public:
  Decisions(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  std::uint64_t word(std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | (at_ < size_ ? data_[at_++] : 0U);
    return value;
  }
  std::uint64_t below(std::uint64_t end) { return word(2) % end; }
  bool rarely() { return word(1) >= 0xFD; }

  /// Mostly small; sometimes around a power of two, up to the very last.
  std::uint64_t count(std::uint64_t usual) {
    if (!rarely()) return below(usual + 1);
    return (std::uint64_t{1} << below(64)) + below(5) - 2;
  }
  /// Mostly a plain number; sometimes any double at all.
  double number(double usual) {
    if (!rarely()) return usual * (static_cast<double>(below(2001)) / 1000.0);
    const std::uint64_t bits = word(8);
    double value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  DType dtype() { return static_cast<DType>(rarely() ? 4 : word(1) % 4); }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};

struct Plan {
  std::vector<Bytes> inputs;
  std::vector<std::uint64_t> output_sizes;
  std::vector<WorkItem> items;
  std::vector<std::uint64_t> keep;
  std::size_t threads = 1;
  bool selects = false;
};

Bytes tensor(Decisions& decide) {
  Bytes bytes(decide.rarely() ? decide.below(64) : 8192 + decide.below(4096));
  const bool wild = decide.word(1) % 4 == 0;
  std::uint32_t state = static_cast<std::uint32_t>(decide.word(4)) | 1U;
  for (std::byte& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    // Bytes below 64 are finite and of moderate size in every type.
    byte = static_cast<std::byte>(wild ? state >> 24 : state >> 26);
  }
  return bytes;
}

Span span(Decisions& decide, std::size_t files) {
  const std::uint64_t file = decide.rarely() ? decide.below(5) : decide.below(std::max<std::size_t>(files, 1));
  return {static_cast<std::size_t>(file), decide.count(64)};
}

/// Mostly a divisor of `elements`.
std::uint64_t divisor(Decisions& decide, std::uint64_t elements) {
  if (decide.rarely()) return decide.count(600);
  const std::uint64_t parts = 1 + decide.below(40);
  return elements % parts == 0 ? elements / parts : elements;
}

Source source(Decisions& decide, const Plan& plan, std::uint64_t elements) {
  Source end;
  end.stored = decide.dtype();
  end.coefficient = decide.number(1.0);
  end.threshold = static_cast<float>(decide.number(0.01));
  const std::size_t files = plan.inputs.size();
  const bool factored = decide.word(1) % 4 == 0;
  if (!factored || decide.rarely()) end.span = span(decide, files);
  if (factored || decide.rarely()) {
    const std::uint64_t rank = decide.rarely() ? 0 : 1 + decide.count(7);
    end.low_rank = LowRank{span(decide, files),       span(decide, files), decide.dtype(), rank,
                           divisor(decide, elements), decide.number(1.0)};
  }
  return end;
}

WorkItem item(Decisions& decide, const Plan& plan, std::vector<std::uint64_t>& written) {
  WorkItem item;
  item.elements = decide.count(900);
  item.stored = decide.dtype();
  item.base = span(decide, plan.inputs.size());
  for (std::uint64_t i = decide.below(4); i > 0; --i) item.sources.push_back(source(decide, plan, item.elements));
  const std::uint64_t targets = plan.output_sizes.empty() && !decide.rarely() ? 0 : decide.below(3);
  for (std::uint64_t i = targets; i > 0; --i) {
    Target target;
    target.output = span(decide, plan.output_sizes.size());
    target.stored = item.stored == DType::kOpaque ? DType::kOpaque : decide.dtype();
    if (target.output.file < written.size() && !decide.rarely()) {
      target.output.offset = written[target.output.file];
      written[target.output.file] += item.elements * size_of(target.stored);
    }
    target.scale = decide.number(0.5);
    if (decide.word(1) % 4 == 0 && !item.sources.empty()) target.base_scale = decide.number(-0.1);
    if (decide.rarely()) target.take = static_cast<Take>(decide.word(1) % 3);
    item.targets.push_back(target);
  }
  item.thinning = static_cast<Thinning>(decide.word(1) % 4);
  item.density = 1.0 - decide.number(0.49);
  item.spread = decide.number(std::min(item.density, 1.0 - item.density) / 2.0);
  item.row_length = divisor(decide, item.elements);
  item.elect_sign = decide.word(1) % 2 == 0;
  item.rounding = decide.word(1) % 4 == 0 ? Rounding::kStochastic : Rounding::kNearest;
  item.key = decide.word(8);
  return item;
}

Plan plan_of(Decisions& decide) {
  Plan plan;
  for (std::uint64_t i = decide.rarely() ? 0 : 1 + decide.below(3); i > 0; --i) plan.inputs.push_back(tensor(decide));
  for (std::uint64_t i = decide.below(4); i > 0; --i) plan.output_sizes.push_back(decide.rarely() ? 99 : 20'000);
  std::vector<std::uint64_t> written(plan.output_sizes.size());
  for (std::uint64_t i = decide.below(4); i > 0; --i) {
    plan.items.push_back(item(decide, plan, written));
    const std::uint64_t elements = plan.items.back().elements;
    plan.keep.push_back(decide.rarely() || elements == 0 ? decide.count(900) : 1 + decide.below(elements));
  }
  plan.threads = decide.word(1) % 8 == 0 ? 3 : 1;
  plan.selects = decide.word(1) % 4 == 0;
  return plan;
}

struct Outcome {
  std::vector<Bytes> outputs;
  std::optional<std::vector<ItemResult>> results;
  std::optional<std::vector<std::vector<float>>> thresholds;
};

/// What the plan's own refusals leave behind is nothing; any other exception ends the program.
Outcome carry_out(const Plan& plan, const std::string& isa) {
  Outcome outcome;
  std::vector<Input> inputs;
  for (const Bytes& bytes : plan.inputs) inputs.push_back(Input::memory(bytes));
  for (const std::uint64_t size : plan.output_sizes) outcome.outputs.emplace_back(size);
  std::vector<Output> outputs;
  for (Bytes& bytes : outcome.outputs) outputs.push_back(Output::memory(bytes));
  try {
    StreamOptions options;
    options.threads = plan.threads;
    options.isa = isa;
    outcome.results = run_stream(inputs, outputs, plan.items, options, nullptr);
  } catch (const retain::MergeError&) {
  } catch (const retain::CheckpointError&) {
  }
  if (!plan.selects) return outcome;
  try {
    outcome.thresholds = select_thresholds(inputs, plan.items, plan.keep, {plan.threads, isa}, nullptr);
  } catch (const retain::MergeError&) {
  } catch (const retain::CheckpointError&) {
  }
  return outcome;
}

void require(bool claim, const char* what) {
  if (claim) return;
  std::fprintf(stderr, "the instruction sets disagree: %s\n", what);
  std::abort();
}

/// Which NaN comes out of two is the hardware's choice, so only what is finite is compared.
void compare(const Outcome& best, const Outcome& scalar) {
  require(best.results.has_value() == scalar.results.has_value(), "whether the plan is possible");
  require(best.thresholds.has_value() == scalar.thresholds.has_value(), "whether thresholds are");
  if (!best.results) return;
  bool finite = true;
  for (std::size_t i = 0; i < best.results->size(); ++i) {
    const ItemResult& a = (*best.results)[i];
    const ItemResult& b = (*scalar.results)[i];
    require(a.not_finite == b.not_finite, "what is finite");
    require(a.unchanged == b.unchanged, "what is unchanged");
    finite = finite && a.not_finite == 0;
  }
  if (!finite) return;
  require(best.outputs == scalar.outputs, "the bytes");
  require(best.thresholds == scalar.thresholds, "the thresholds");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Decisions decide(data, size);
  const Plan plan = plan_of(decide);
  compare(carry_out(plan, ""), carry_out(plan, "scalar"));
  return 0;
}
