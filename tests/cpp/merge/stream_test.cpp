#include "merge/stream.hpp"

#include <doctest.h>

#include <cstring>
#include <limits>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "error.hpp"
#include "merge/dispatch.hpp"
#include "plans.hpp"
#include "scratch_directory.hpp"

namespace retain::merge {
namespace {

using namespace test;

constexpr char kHeader[] = "HEADER!!";
constexpr std::uint64_t kHeaderBytes = 8;

std::string floats(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::string bytes(4 * count, '\0');
  for (std::size_t i = 0; i < count; ++i) {
    const float value = normal(random);
    std::memcpy(bytes.data() + 4 * i, &value, 4);
  }
  return bytes;
}

void set_float(std::string& bytes, std::size_t i, float value) { std::memcpy(bytes.data() + 4 * i, &value, 4); }

WorkItem linear_item(std::uint64_t elements, double alpha, std::uint64_t from, std::uint64_t to) {
  return {.elements = elements,
          .stored = DType::kF32,
          .base = {0, from},
          .sources = {{.stored = DType::kF32, .span = Span{1, from}}},
          .targets = {{.output = {0, kHeaderBytes + to}, .stored = DType::kF32, .scale = alpha}}};
}

struct Pair {
  explicit Pair(std::size_t count) : base(floats(count, 1)), finetuned(floats(count, 2)) {}

  std::vector<Input> write(const ScratchDirectory& scratch) const {
    return {Input::file(scratch.write("base", base)), Input::file(scratch.write("finetuned", finetuned))};
  }

  std::string base;
  std::string finetuned;
};

Output output(const std::string& path, std::uint64_t bytes) {
  return Output::create(path, kHeaderBytes + bytes, kHeader);
}

bool same_sums(const ItemResult& a, const ItemResult& b) {
  bool same = same_bits(a.base_base, b.base_base) && a.unchanged == b.unchanged && a.gram == b.gram;
  for (std::size_t i = 0; i < a.sources.size(); ++i) {
    same = same && std::memcmp(&a.sources[i], &b.sources[i], sizeof(SourceSums)) == 0;
  }
  for (std::size_t i = 0; i < a.targets.size(); ++i) {
    same = same && std::memcmp(&a.targets[i], &b.targets[i], sizeof(TargetSums)) == 0;
  }
  return same;
}

}  // namespace

TEST_CASE("files and sums are the same for every number of threads and every instruction set") {
  const ScratchDirectory scratch;
  const std::vector<Input> inputs = Pair(700'001).write(scratch);
  // Three tensors, so that chunks of several items are under way at once; fused, in blocks, and by rank.
  std::vector<WorkItem> items{linear_item(300'000, 0.3, 0, 0), linear_item(1, 0.5, 1'200'000, 1'200'000),
                              linear_item(400'000, 0.7, 1'200'004, 1'200'004)};
  for (const Thinning thinning : {Thinning::kNone, Thinning::kRandom, Thinning::kRanked}) {
    items[2].thinning = thinning;
    items[2].density = 0.5;
    items[2].spread = 0.25;
    items[2].row_length = 1000;
    if (thinning == Thinning::kRandom) items[2].sources.push_back(items[2].sources[0]);
    std::string expected;
    std::vector<ItemResult> expected_results;
    for (const KernelTable* kernels : available_kernels()) {
      for (const std::size_t threads : {1U, 2U, 7U}) {
        const std::string path = scratch.file(std::string(kernels->isa) + std::to_string(threads) +
                                              std::to_string(static_cast<int>(thinning)));
        const auto results =
            run_stream(inputs, {output(path, 2'800'004)}, items, options(threads, kernels->isa), nullptr);
        REQUIRE(results.has_value());
        const std::string found = ScratchDirectory::read(path);
        if (expected.empty()) {
          expected = found;
          expected_results = *results;
        }
        REQUIRE(found == expected);
        for (std::size_t i = 0; i < items.size(); ++i) REQUIRE(same_sums((*results)[i], expected_results[i]));
      }
    }
    CHECK(expected.substr(0, kHeaderBytes) == kHeader);
  }
}

TEST_CASE("several targets of one item are those of several items") {
  const ScratchDirectory scratch;
  const std::vector<Input> inputs = Pair(100'000).write(scratch);
  WorkItem both = linear_item(100'000, 0.3, 0, 0);
  both.targets.push_back({{1, kHeaderBytes}, DType::kF32, 0.8, 0.0, Take::kNothing});
  REQUIRE(run_stream(inputs, {output(scratch.file("a"), 400'000), output(scratch.file("b"), 400'000)}, {both},
                     options(2), nullptr));
  REQUIRE(
      run_stream(inputs, {output(scratch.file("c"), 400'000)}, {linear_item(100'000, 0.3, 0, 0)}, options(1), nullptr));
  REQUIRE(
      run_stream(inputs, {output(scratch.file("d"), 400'000)}, {linear_item(100'000, 0.8, 0, 0)}, options(1), nullptr));
  CHECK(ScratchDirectory::read(scratch.file("a")) == ScratchDirectory::read(scratch.file("c")));
  CHECK(ScratchDirectory::read(scratch.file("b")) == ScratchDirectory::read(scratch.file("d")));
}

TEST_CASE("a copy takes the bytes and reads one end only") {
  const ScratchDirectory scratch;
  const std::string content = floats(100'000, 3);
  const std::vector<Input> inputs{Input::file(scratch.write("base", content))};
  for (const DType dtype : {DType::kF32, DType::kOpaque}) {
    const std::string path = scratch.file("out" + std::to_string(at(dtype)));
    const WorkItem item{.elements = content.size() / size_of(dtype),
                        .stored = dtype,
                        .targets = {{.output = {0, kHeaderBytes}, .stored = dtype}}};
    REQUIRE(run_stream(inputs, {output(path, content.size())}, {item}, options(2), nullptr));
    CHECK(ScratchDirectory::read(path) == kHeader + content);
  }
}

TEST_CASE("a conversion rounds once and widens exactly") {
  std::vector<double> values;
  std::mt19937_64 random(4);
  for (int i = 0; i < 1000; ++i) values.push_back(std::normal_distribution<double>()(random));
  const Bytes content = stored(DType::kF32, values);
  const MemoryRun run = run_in_memory(
      {.elements = 1000, .stored = DType::kF32, .targets = {{.stored = DType::kBf16}, {.stored = DType::kF64}}},
      {content});
  CHECK(run.targets[0] == stored(DType::kBf16, [&] {
          std::vector<double> singles;
          for (std::size_t i = 0; i < 1000; ++i) singles.push_back(element(DType::kF32, content, i));
          return singles;
        }()));
  for (std::size_t i = 0; i < 1000; ++i) {
    REQUIRE(element(DType::kF64, run.targets[1], i) == element(DType::kF32, content, i));
  }
}

TEST_CASE("values that are not finite are named by element and end, and do not stop the stream") {
  const ScratchDirectory scratch;
  Pair pair(200'000);
  set_float(pair.base, 150'000, std::numeric_limits<float>::quiet_NaN());
  set_float(pair.base, 160'000, std::numeric_limits<float>::infinity());
  set_float(pair.finetuned, 70'001, -std::numeric_limits<float>::infinity());
  std::vector<WorkItem> items{linear_item(100'000, 0.5, 0, 0), linear_item(100'000, 0.5, 400'000, 400'000)};
  for (const Thinning thinning : {Thinning::kNone, Thinning::kRandom}) {
    for (WorkItem& item : items) {
      item.thinning = thinning;
      item.density = 0.1;
    }
    const std::string path = scratch.file("out" + std::to_string(static_cast<int>(thinning)));
    const auto results = run_stream(pair.write(scratch), {output(path, 800'000)}, items, options(2), nullptr);
    REQUIRE(results.has_value());
    REQUIRE((*results)[0].first_not_finite.has_value());
    CHECK((*results)[0].not_finite == 1);
    CHECK((*results)[0].first_not_finite->element == 70'001);
    CHECK((*results)[0].first_not_finite->origin == Origin::kFinetuned);
    CHECK((*results)[0].first_not_finite->index == 0);
    CHECK((*results)[1].not_finite == 2);
    REQUIRE((*results)[1].first_not_finite.has_value());
    CHECK((*results)[1].first_not_finite->element == 50'000);
    CHECK((*results)[1].first_not_finite->origin == Origin::kBase);
  }
}

TEST_CASE("of several ends and targets, the one at fault is named by its number") {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<Bytes> ends{stored(DType::kF32, {1, 2, 3}), stored(DType::kF32, {1, 2, 3}),
                                stored(DType::kF32, {1, 2, infinity}), stored(DType::kF32, {1, 1e6, 3})};
  WorkItem item{.elements = 3,
                .stored = DType::kF32,
                .sources = {source(DType::kF32, 1), source(DType::kF32, 2)},
                .targets = {{.stored = DType::kF32, .scale = 1}, {.stored = DType::kF16, .scale = 1}}};
  const ItemResult end = run_in_memory(item, ends).result;
  REQUIRE(end.first_not_finite.has_value());
  CHECK(end.not_finite == 1);
  CHECK(end.first_not_finite->element == 2);
  CHECK(end.first_not_finite->origin == Origin::kFinetuned);
  CHECK(end.first_not_finite->index == 1);
  item.sources[1] = source(DType::kF32, 3);
  const ItemResult target = run_in_memory(item, ends).result;
  REQUIRE(target.first_not_finite.has_value());
  CHECK(target.not_finite == 1);
  CHECK(target.first_not_finite->element == 1);
  CHECK(target.first_not_finite->origin == Origin::kMerged);
  CHECK(target.first_not_finite->index == 1);
}

TEST_CASE("a copy names values that are not finite, and a conversion those that do not fit") {
  const std::vector<Bytes> ends{stored(DType::kF32, {1, 1e6, std::numeric_limits<double>::quiet_NaN()})};
  const ItemResult copied =
      run_in_memory({.elements = 3, .stored = DType::kF32, .targets = {{.stored = DType::kF32}}}, ends).result;
  REQUIRE(copied.first_not_finite.has_value());
  CHECK(copied.not_finite == 1);
  CHECK(copied.first_not_finite->element == 2);
  CHECK(copied.first_not_finite->origin == Origin::kBase);
  const ItemResult converted =
      run_in_memory({.elements = 3, .stored = DType::kF32, .targets = {{.stored = DType::kF16}}}, ends).result;
  REQUIRE(converted.first_not_finite.has_value());
  CHECK(converted.not_finite == 2);
  CHECK(converted.first_not_finite->element == 1);
  CHECK(converted.first_not_finite->origin == Origin::kMerged);
}

TEST_CASE("bfloat16 values too large or too small for fp32 squares still have exact sums and results") {
  for (const double scale : {3e38, 1e-25}) {
    std::vector<double> base, finetuned;
    for (int i = 0; i < 64; ++i) {
      base.push_back(i % 2 == 0 ? scale : -scale);
      finetuned.push_back(-base.back());
    }
    const std::vector<Bytes> ends{stored(DType::kBf16, base), stored(DType::kBf16, finetuned)};
    const double p = element(DType::kBf16, ends[0], 0);
    for (const Thinning thinning : {Thinning::kNone, Thinning::kMagnitude}) {
      const MemoryRun run = run_in_memory({.elements = 64,
                                           .stored = DType::kBf16,
                                           .sources = {source(DType::kBf16, 1)},
                                           .targets = {{.stored = DType::kBf16, .scale = 0.5}},
                                           .thinning = thinning},
                                          ends);
      CHECK(run.result.not_finite == 0);
      CHECK(run.result.base_base == doctest::Approx(64 * p * p));
      CHECK(run.result.targets[0].exact_exact == doctest::Approx(64 * p * p));
      CHECK(run.result.targets[0].stored_exact == doctest::Approx(64 * p * p));
      CHECK(run.targets[0] == Bytes(128));
    }
  }
}

#if defined(__x86_64__)
TEST_CASE("subnormal weights survive in a program that flushes them to zero") {
  const std::vector<Bytes> ends{stored(DType::kF32, std::vector<double>(64, 0.0)),
                                stored(DType::kF32, std::vector<double>(64, 2e-40))};
  for (const Thinning thinning : {Thinning::kNone, Thinning::kMagnitude}) {
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040);  // flush to zero, denormals are zero
    const MemoryRun run = run_in_memory({.elements = 64,
                                         .stored = DType::kF32,
                                         .sources = {source(DType::kF32, 1)},
                                         .targets = {{.stored = DType::kF32, .scale = 0.5}},
                                         .thinning = thinning},
                                        ends, 2);
    _mm_setcsr(before);
    CHECK(element(DType::kF32, run.targets[0], 0) == static_cast<double>(1e-40F));
  }
}
#endif

TEST_CASE("an input that became shorter is an error from whichever thread met it") {
  const ScratchDirectory scratch;
  for (const std::size_t threads : {1U, 4U}) {
    const std::vector<Input> inputs = Pair(4'000'000).write(scratch);
    const std::string path = scratch.file("out" + std::to_string(threads));
    bool truncated = false;
    // Truncated while the stream runs: what check_items saw is no longer so.
    const auto truncate = [&](std::uint64_t) {
      if (!truncated) std::filesystem::resize_file(scratch.file("finetuned"), 500'000);
      truncated = true;
      return true;
    };
    std::vector<WorkItem> items;
    for (int i = 0; i < 200; ++i) items.push_back(linear_item(4'000'000, 0.5, 0, 0));
    for (std::size_t i = 1; i < items.size(); ++i) items[i].targets.clear();
    CHECK_THROWS_WITH_AS(run_stream(inputs, {output(path, 16'000'000)}, items, options(threads), truncate),
                         doctest::Contains("ends at byte 500000"), CheckpointError);
  }
}

TEST_CASE("progress counts bytes of the bases up to the last one and can stop the stream") {
  const ScratchDirectory scratch;
  const std::vector<Input> inputs = Pair(300'000).write(scratch);
  std::uint64_t last = 0;
  const auto count = [&](std::uint64_t bytes) {
    CHECK(bytes >= last);
    last = bytes;
    return true;
  };
  const std::vector<WorkItem> items{linear_item(300'000, 0.5, 0, 0)};
  CHECK(run_stream(inputs, {output(scratch.file("a"), 1'200'000)}, items, options(2), count));
  CHECK(last == 1'200'000);
  CHECK_FALSE(run_stream(inputs, {output(scratch.file("b"), 1'200'000)}, items, options(2),
                         [](std::uint64_t) { return false; }));
}

TEST_CASE("a comparison counts the bytes that differ and writes nothing") {
  const ScratchDirectory scratch;
  const std::vector<Input> inputs = Pair(300'000).write(scratch);
  std::vector<WorkItem> items{linear_item(200'000, 0.5, 0, 0), linear_item(100'000, 0.5, 800'000, 800'000)};
  items[1].sources.clear();  // a copy
  const std::string path = scratch.file("out");
  REQUIRE(run_stream(inputs, {output(path, 1'200'000)}, items, options(2), nullptr));
  const auto compare = [&] { return *run_stream(inputs, {Output::compare(path)}, items, options(2), nullptr); };
  CHECK(compare()[0].targets[0].different == 0);
  CHECK(compare()[1].targets[0].different == 0);
  std::string content = ScratchDirectory::read(path);
  content[kHeaderBytes + 5] ^= 1;
  content[kHeaderBytes + 799'999] ^= 1;
  content[kHeaderBytes + 900'000] ^= 1;
  scratch.write("out", content);
  CHECK(compare()[0].targets[0].different == 2);
  CHECK(compare()[1].targets[0].different == 1);
  CHECK(ScratchDirectory::read(path) == content);
}

TEST_CASE("nothing to do makes a file that is all header") {
  const ScratchDirectory scratch;
  const std::string path = scratch.file("out");
  CHECK(run_stream({}, {output(path, 0)}, {}, options(4), nullptr));
  CHECK(ScratchDirectory::read(path) == kHeader);
}

}  // namespace retain::merge
