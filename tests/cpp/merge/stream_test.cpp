#include "merge/stream.hpp"

#include <doctest.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "error.hpp"
#include "merge/dispatch.hpp"
#include "merge/dtype.hpp"
#include "scratch_directory.hpp"

namespace retain::merge {
namespace {

using test::ScratchDirectory;

constexpr char kHeader[] = "HEADER!!";
constexpr std::uint64_t kHeaderBytes = 8;

std::string floats(std::size_t count, unsigned seed, float scale) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0F, scale);
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) {
    const float value = normal(random);
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return bytes;
}

float float_at(const std::string& bytes, std::size_t i) {
  float value;
  std::memcpy(&value, bytes.data() + 4 * i, 4);
  return value;
}

void set_float(std::string& bytes, std::size_t i, float value) { std::memcpy(bytes.data() + 4 * i, &value, 4); }

WorkItem linear_item(std::uint64_t elements, double alpha, std::uint64_t from, std::uint64_t to) {
  return {Operation::kLinear, DType::kF32, DType::kF32, elements, alpha, {0, from}, {1, from}, {0, kHeaderBytes + to}};
}

struct Pair {
  explicit Pair(std::size_t count) : elements(count), base(floats(count, 1, 1.0F)), finetuned(floats(count, 2, 1.0F)) {}

  std::vector<std::string> write(const ScratchDirectory& scratch) const {
    return {scratch.write("base", base), scratch.write("finetuned", finetuned)};
  }

  std::size_t elements;
  std::string base;
  std::string finetuned;
};

StreamOptions options(std::size_t threads, std::string isa = "") { return {threads, false, std::move(isa)}; }

}  // namespace

TEST_CASE("files and sums are the same for every number of threads and every instruction set") {
  const ScratchDirectory scratch;
  const Pair pair(700'001);
  const std::vector<std::string> inputs = pair.write(scratch);
  // Three tensors, so that chunks of several items are under way at once.
  const std::vector<WorkItem> items{linear_item(300'000, 0.3, 0, 0), linear_item(1, 0.5, 1'200'000, 1'200'000),
                                    linear_item(400'000, 0.7, 1'200'004, 1'200'004)};
  std::string expected;
  std::vector<ItemResult> expected_results;
  for (const KernelTable* kernels : available_kernels()) {
    for (const std::size_t threads : {1U, 2U, 7U}) {
      const std::string path = scratch.file(std::string(kernels->isa) + std::to_string(threads));
      const auto results = run_stream(inputs, {{path, kHeaderBytes + 2'800'004, kHeader}}, items,
                                      options(threads, kernels->isa), nullptr);
      REQUIRE(results.has_value());
      const std::string found = ScratchDirectory::read(path);
      if (expected.empty()) {
        expected = found;
        expected_results = *results;
      }
      REQUIRE(found == expected);
      for (std::size_t i = 0; i < items.size(); ++i) {
        REQUIRE(std::memcmp(&(*results)[i].sums, &expected_results[i].sums, sizeof(Sums)) == 0);
      }
    }
  }
  CHECK(expected.substr(0, kHeaderBytes) == kHeader);
}

TEST_CASE("a copy takes the bytes and reads one end only") {
  const ScratchDirectory scratch;
  const std::string content = floats(100'000, 3, 1.0F);
  const std::vector<std::string> inputs{scratch.write("base", content)};
  const WorkItem item{Operation::kCopy, DType::kF32, DType::kF32, 100'000, 0.0, {0, 0}, {9, 9}, {0, kHeaderBytes}};
  const std::string path = scratch.file("out");
  REQUIRE(run_stream(inputs, {{path, kHeaderBytes + content.size(), kHeader}}, {item}, options(2), nullptr));
  CHECK(ScratchDirectory::read(path) == kHeader + content);
}

TEST_CASE("a conversion rounds once and widens exactly") {
  const ScratchDirectory scratch;
  const std::string content = floats(1000, 4, 1.0F);
  const std::vector<std::string> inputs{scratch.write("base", content)};
  const WorkItem narrow{Operation::kConvert, DType::kF32, DType::kBf16, 1000, 0.0, {0, 0}, {0, 0}, {0, kHeaderBytes}};
  const std::string path = scratch.file("bf16");
  REQUIRE(run_stream(inputs, {{path, kHeaderBytes + 2000, kHeader}}, {narrow}, options(1), nullptr));
  const std::string found = ScratchDirectory::read(path).substr(kHeaderBytes);
  for (std::size_t i = 0; i < 1000; ++i) {
    Bf16 value;
    std::memcpy(&value, found.data() + 2 * i, 2);
    REQUIRE(value.bits == round_to_bf16(float_at(content, i)).bits);
  }
}

TEST_CASE("values that are not finite are named by element and end, and do not stop the stream") {
  const ScratchDirectory scratch;
  Pair pair(200'000);
  set_float(pair.base, 150'000, std::numeric_limits<float>::quiet_NaN());
  set_float(pair.base, 160'000, std::numeric_limits<float>::infinity());
  set_float(pair.finetuned, 70'001, -std::numeric_limits<float>::infinity());
  const std::vector<WorkItem> items{linear_item(100'000, 0.5, 0, 0), linear_item(100'000, 0.5, 400'000, 400'000)};
  const auto results = run_stream(pair.write(scratch), {{scratch.file("out"), kHeaderBytes + 800'000, kHeader}}, items,
                                  options(2), nullptr);
  REQUIRE(results.has_value());
  REQUIRE((*results)[0].first_not_finite.has_value());
  CHECK((*results)[0].first_not_finite->element == 70'001);
  CHECK((*results)[0].first_not_finite->origin == Origin::kFinetuned);
  CHECK((*results)[1].sums.not_finite == 2);
  REQUIRE((*results)[1].first_not_finite.has_value());
  CHECK((*results)[1].first_not_finite->element == 50'000);
  CHECK((*results)[1].first_not_finite->origin == Origin::kBase);
}

TEST_CASE("a result that does not fit the stored type is told from a bad input") {
  const ScratchDirectory scratch;
  std::string content = floats(10, 5, 1.0F);
  set_float(content, 6, 1e6F);
  const std::vector<std::string> inputs{scratch.write("base", content)};
  const WorkItem item{Operation::kConvert, DType::kF32, DType::kF16, 10, 0.0, {0, 0}, {0, 0}, {0, kHeaderBytes}};
  const auto results =
      run_stream(inputs, {{scratch.file("out"), kHeaderBytes + 20, kHeader}}, {item}, options(1), nullptr);
  REQUIRE(results.has_value());
  REQUIRE((*results)[0].first_not_finite.has_value());
  CHECK((*results)[0].first_not_finite->element == 6);
  CHECK((*results)[0].first_not_finite->origin == Origin::kMerged);
}

TEST_CASE("bfloat16 values too large or too small for fp32 squares still have exact sums and results") {
  const ScratchDirectory scratch;
  for (const float scale : {3e38F, 1e-25F}) {
    std::string base, finetuned;
    for (int i = 0; i < 64; ++i) {
      const Bf16 p = round_to_bf16(i % 2 == 0 ? scale : -scale);
      const Bf16 f = round_to_bf16(i % 2 == 0 ? -scale : scale);
      base.append(reinterpret_cast<const char*>(&p), 2);
      finetuned.append(reinterpret_cast<const char*>(&f), 2);
    }
    const std::string tag = std::to_string(scale);
    const std::vector<std::string> inputs{scratch.write("base" + tag, base),
                                          scratch.write("finetuned" + tag, finetuned)};
    const WorkItem item{Operation::kLinear, DType::kBf16, DType::kBf16, 64, 0.5, {0, 0}, {1, 0}, {0, kHeaderBytes}};
    const std::string path = scratch.file("out" + tag);
    const auto results = run_stream(inputs, {{path, kHeaderBytes + 128, kHeader}}, {item}, options(1), nullptr);
    REQUIRE(results.has_value());
    CHECK((*results)[0].sums.not_finite == 0);
    const double p = static_cast<double>(widen(round_to_bf16(scale)));
    CHECK((*results)[0].sums.base_base == doctest::Approx(64 * p * p));
    CHECK((*results)[0].sums.merged_update == doctest::Approx(64 * 2 * p * p));
    CHECK(ScratchDirectory::read(path).substr(kHeaderBytes) == std::string(128, '\0'));
  }
}

#if defined(__x86_64__)
TEST_CASE("subnormal weights survive in a program that flushes them to zero") {
  const ScratchDirectory scratch;
  std::string base, finetuned;
  for (int i = 0; i < 64; ++i) {
    const float p = 0.0F;
    const float f = 2e-40F;
    base.append(reinterpret_cast<const char*>(&p), 4);
    finetuned.append(reinterpret_cast<const char*>(&f), 4);
  }
  const std::vector<std::string> inputs{scratch.write("base", base), scratch.write("finetuned", finetuned)};
  const std::string path = scratch.file("out");
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x8040);  // flush to zero, denormals are zero
  const auto results =
      run_stream(inputs, {{path, kHeaderBytes + 256, kHeader}}, {linear_item(64, 0.5, 0, 0)}, options(2), nullptr);
  _mm_setcsr(before);
  REQUIRE(results.has_value());
  CHECK(float_at(ScratchDirectory::read(path).substr(kHeaderBytes), 0) == 1e-40F);
}
#endif

TEST_CASE("an input shorter than its items is an error from whichever thread met it") {
  const ScratchDirectory scratch;
  Pair pair(200'000);
  pair.finetuned.resize(500'000);
  for (const std::size_t threads : {1U, 4U}) {
    const std::string path = scratch.file("out" + std::to_string(threads));
    CHECK_THROWS_WITH_AS(run_stream(pair.write(scratch), {{path, kHeaderBytes + 800'000, kHeader}},
                                    {linear_item(200'000, 0.5, 0, 0)}, options(threads), nullptr),
                         doctest::Contains("ends at byte 500000"), CheckpointError);
  }
}

TEST_CASE("progress counts bytes up to the last one and can stop the stream") {
  const ScratchDirectory scratch;
  const Pair pair(300'000);
  const std::vector<std::string> inputs = pair.write(scratch);
  std::uint64_t last = 0;
  const auto count = [&](std::uint64_t bytes) {
    CHECK(bytes >= last);
    last = bytes;
    return true;
  };
  const std::vector<WorkItem> items{linear_item(300'000, 0.5, 0, 0)};
  CHECK(run_stream(inputs, {{scratch.file("a"), kHeaderBytes + 1'200'000, kHeader}}, items, options(2), count));
  CHECK(last == 1'200'000);
  CHECK_FALSE(run_stream(inputs, {{scratch.file("b"), kHeaderBytes + 1'200'000, kHeader}}, items, options(2),
                         [](std::uint64_t) { return false; }));
}

TEST_CASE("impossible items are refused before a file is touched") {
  const ScratchDirectory scratch;
  const std::vector<std::string> inputs = Pair(10).write(scratch);
  const std::string path = scratch.file("out");
  const std::vector<OutputFile> outputs{{path, kHeaderBytes + 40, kHeader}};
  const WorkItem good = linear_item(10, 0.5, 0, 0);
  std::vector<WorkItem> bad(7, good);
  bad[0].base.file = 2;
  bad[1].finetuned.file = 2;
  bad[2].output.file = 1;
  bad[3].output.offset = 7;
  bad[4].elements = 11;
  bad[5].stored_in = DType::kOpaque;
  bad[6].output.offset = std::numeric_limits<std::uint64_t>::max();
  for (const WorkItem& item : bad) {
    CHECK_THROWS_AS(run_stream(inputs, outputs, {good, item}, options(1), nullptr), MergeError);
    CHECK_FALSE(std::filesystem::exists(path));
  }
}

TEST_CASE("nothing to do makes a file that is all header") {
  const ScratchDirectory scratch;
  const std::string path = scratch.file("out");
  CHECK(run_stream({}, {{path, kHeaderBytes, kHeader}}, {}, {4, true, ""}, nullptr));
  CHECK(ScratchDirectory::read(path) == kHeader);
}

}  // namespace retain::merge
