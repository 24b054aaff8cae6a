#include "merge/check_items.hpp"

#include <doctest.h>

#include <functional>
#include <limits>

#include "error.hpp"
#include "plans.hpp"
#include "scratch_directory.hpp"

namespace retain::merge {
namespace {

using namespace test;

constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();

/// Two files of ten floats, ten floats in memory, and a new file for ten with a header of eight bytes.
struct Plan {
  ScratchDirectory scratch;
  std::vector<Input> inputs{Input::file(scratch.write("a", std::string(40, '\0'))),
                            Input::file(scratch.write("b", std::string(40, '\0')))};
  Bytes memory = Bytes(40);
  std::string path = scratch.file("out");

  Plan() { inputs.push_back(Input::memory(memory)); }

  void run(const std::vector<WorkItem>& items) const {
    run_stream(inputs, {Output::create(path, 48, "HEADER!!")}, items, options(1), nullptr);
  }
};

WorkItem good() {
  return {.elements = 10,
          .stored = DType::kF32,
          .sources = {source(DType::kF32, 1)},
          .targets = {{.output = {0, 8}, .stored = DType::kF32, .scale = 0.5}}};
}

using Change = std::function<void(WorkItem&)>;

LowRank factors() { return {{1, 0}, {2, 0}, DType::kF32, 1, 5, 1.0}; }

}  // namespace

TEST_CASE("impossible items are refused before a file is made") {
  const Plan plan;
  const std::vector<std::pair<const char*, Change>> changes{
      {"reads a file that the plan does not list", [](WorkItem& i) { i.base.file = 3; }},
      {"reads a finetuned file that the plan does not list", [](WorkItem& i) { i.sources[0].span->file = 3; }},
      {"writes a file that the plan does not list", [](WorkItem& i) { i.targets[0].output.file = 1; }},
      {"overwrite the header", [](WorkItem& i) { i.targets[0].output.offset = 7; }},
      {"past the end of its output", [](WorkItem& i) { i.targets[0].output.offset = 9; }},
      {"past the end of its output", [](WorkItem& i) { i.targets[0].output.offset = kHuge; }},
      {"past the end of its output", [](WorkItem& i) { i.targets[0].stored = DType::kF64; }},
      {"more elements than a file can hold", [](WorkItem& i) { i.elements = kHuge; }},
      {"more elements than a file can hold", [](WorkItem& i) { i.elements = (std::uint64_t{1} << 61) + 1; }},
      {"at an offset that no file has", [](WorkItem& i) { i.base.offset = kHuge; }},
      {"past the end of a tensor in memory", [](WorkItem& i) { i.base = {2, 1}; }},
      {"past the end of a tensor in memory", [](WorkItem& i) { i.base = {2, kHuge}; }},
      {"arithmetic on integers", [](WorkItem& i) { i.stored = DType::kOpaque; }},
      {"arithmetic on integers", [](WorkItem& i) { i.sources[0].stored = DType::kOpaque; }},
      {"arithmetic on integers", [](WorkItem& i) { i.targets[0].stored = DType::kOpaque; }},
      {"or its factors, not both", [](WorkItem& i) { i.sources[0].span.reset(); }},
      {"or its factors, not both", [](WorkItem& i) { i.sources[0].low_rank = factors(); }},
      {"coefficient that is not finite", [](WorkItem& i) { i.sources[0].coefficient = HUGE_VAL; }},
      {"threshold that is not a number", [](WorkItem& i) { i.sources[0].threshold = NAN; }},
      {"scale that is not finite", [](WorkItem& i) { i.targets[0].scale = NAN; }},
      {"scale that is not finite", [](WorkItem& i) { i.targets[0].base_scale = HUGE_VAL; }},
      {"coefficient that is not positive",
       [](WorkItem& i) {
         i.elect_sign = true;
         i.sources[0].coefficient = 0.0;
       }},
      {"density outside (0, 1]", [](WorkItem& i) { i.density = 0.0; }},
      {"density outside (0, 1]", [](WorkItem& i) { i.density = 1.5; }},
      {"density outside (0, 1]", [](WorkItem& i) { i.density = NAN; }},
      {"scales a base that is only copied",
       [](WorkItem& i) {
         i.sources.clear();
         i.targets[0].base_scale = 0.5;
       }},
      {"takes bits of another type",
       [](WorkItem& i) {
         i.targets[0].stored = DType::kBf16;
         i.targets[0].take = Take::kBase;
       }},
      {"takes bits of another type",
       [](WorkItem& i) {
         i.targets[0].stored = DType::kBf16;
         i.targets[0].take = Take::kFinetuned;
       }},
      {"takes the bits of a finetuned end, but has not one",
       [](WorkItem& i) {
         i.sources.push_back(i.sources[0]);
         i.targets[0].take = Take::kFinetuned;
       }},
      {"more than 256 ends", [](WorkItem& i) { i.sources.resize(257, i.sources[0]); }},
  };
  for (const auto& [why, change] : changes) {
    CAPTURE(why);
    WorkItem item = good();
    change(item);
    CHECK_THROWS_WITH_AS(plan.run({item}), doctest::Contains(why), MergeError);
    CHECK_FALSE(std::filesystem::exists(plan.path));
  }
}

TEST_CASE("rows, spreads and factors that do not fit are refused") {
  const Plan plan;
  const std::vector<std::pair<const char*, Change>> ranked{
      {"rows that do not divide", [](WorkItem& i) { i.row_length = 0; }},
      {"rows that do not divide", [](WorkItem& i) { i.row_length = 3; }},
      {"rows of more than 2^32", [](WorkItem& i) { i.row_length = std::uint64_t{1} << 33; }},
      {"probabilities leave [0, 1]", [](WorkItem& i) { i.spread = 0.6; }},
      {"probabilities leave [0, 1]", [](WorkItem& i) { i.spread = -0.1; }},
      {"probabilities leave [0, 1]", [](WorkItem& i) { i.spread = NAN; }},
      {"probabilities leave [0, 1]",
       [](WorkItem& i) {
         i.density = 0.9;
         i.spread = 0.2;
       }},
  };
  for (const auto& [why, change] : ranked) {
    CAPTURE(why);
    WorkItem item = good();
    item.thinning = Thinning::kRanked;
    item.density = 0.5;
    item.row_length = 5;
    change(item);
    CHECK_THROWS_WITH_AS(plan.run({item}), doctest::Contains(why), MergeError);
  }
  using ChangeFactors = std::function<void(LowRank&)>;
  const std::vector<std::pair<const char*, ChangeFactors>> low_rank{
      {"columns do not divide", [](LowRank& f) { f.columns = 3; }},
      {"columns do not divide", [](LowRank& f) { f.columns = 0; }},
      {"columns do not divide", [](LowRank& f) { f.rank = 0; }},
      {"more elements than a file can hold", [](LowRank& f) { f.rank = kHuge / 2; }},
      {"reads a finetuned file that the plan", [](LowRank& f) { f.a.file = 3; }},
      {"reads a finetuned file that the plan", [](LowRank& f) { f.b.file = 3; }},
      {"past the end of a tensor in memory", [](LowRank& f) { f.b.offset = 36; }},
      {"scale that is not finite", [](LowRank& f) { f.scale = NAN; }},
      {"arithmetic on integers", [](LowRank& f) { f.stored = DType::kOpaque; }},
  };
  for (const auto& [why, change] : low_rank) {
    CAPTURE(why);
    LowRank bad = factors();
    change(bad);
    WorkItem item = good();
    item.sources = {{.stored = DType::kF32, .low_rank = bad}};
    CHECK_THROWS_WITH_AS(plan.run({item}), doctest::Contains(why), MergeError);
  }
}

TEST_CASE("an input file that is too short is the checkpoint's fault") {
  const Plan plan;
  for (const Change& change : {Change([](WorkItem& i) { i.base.offset = 1; }),
                               Change([](WorkItem& i) { i.sources[0].span->offset = 41; }), Change([](WorkItem& i) {
                                 i.sources = {{.stored = DType::kF32, .low_rank = factors()}};
                                 i.sources[0].low_rank->a.offset = 30;
                               })}) {
    WorkItem item = good();
    change(item);
    CHECK_THROWS_WITH_AS(plan.run({item}), doctest::Contains("ends at byte 40"), CheckpointError);
    CHECK_FALSE(std::filesystem::exists(plan.path));
  }
}

TEST_CASE("two targets in one place are refused, neighbours are not") {
  const Plan plan;
  WorkItem first = good(), second = good();
  first.elements = second.elements = 5;
  second.targets[0].output.offset = 8 + 19;
  CHECK_THROWS_WITH_AS(plan.run({first, second}), doctest::Contains("work items 0 and 1 write to the same place"),
                       MergeError);
  second.targets[0].output.offset = 8 + 20;
  CHECK_NOTHROW(plan.run({second, first}));
}

TEST_CASE("a comparison cannot reach past the end of its file") {
  const Plan plan;
  std::vector<WorkItem> items{good()};
  const Output shorter = Output::compare(plan.scratch.write("short", std::string(47, '\0')));
  CHECK_THROWS_WITH_AS(run_stream(plan.inputs, {shorter}, items, options(1), nullptr),
                       doctest::Contains("past the end of its output"), MergeError);
}

}  // namespace retain::merge
