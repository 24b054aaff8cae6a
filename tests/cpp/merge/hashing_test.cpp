// Every file's bytes reach its digest once and in order, whatever the plan and however many threads.
#include <doctest.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <random>
#include <thread>

#include "error.hpp"
#include "merge/schedule.hpp"
#include "plans.hpp"
#include "scratch_directory.hpp"

namespace retain::merge {
namespace {

using namespace test;

/// Keeps what it is given, which must then be the files; notices two calls at once for one file.
class Recorder : public Digests {
 public:
  explicit Recorder(std::size_t files) : contents_(files), busy_(files) {}

  void update(std::size_t file, std::span<const std::byte> bytes) override {
    {
      const std::lock_guard lock(mutex_);
      REQUIRE_FALSE(busy_[file]);
      busy_[file] = true;
    }
    contents_[file].append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (slow_) std::this_thread::sleep_for(std::chrono::microseconds(bytes.size() / 1000));
    const std::lock_guard lock(mutex_);
    busy_[file] = false;
  }

  void be_slow() { slow_ = true; }
  const std::string& content(std::size_t file) const { return contents_[file]; }

 private:
  std::vector<std::string> contents_;
  std::vector<bool> busy_;
  std::mutex mutex_;
  bool slow_ = false;
};

std::string noise(std::size_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  std::string content(bytes, '\0');
  for (char& byte : content) byte = static_cast<char>(random() % 64);  // finite as any type
  return content;
}

/// Input and output files of a plan, run and compared with what was recorded.
struct HashedRun {
  ScratchDirectory scratch;
  std::vector<std::string> inputs;
  std::vector<Output> outputs;
  std::vector<WorkItem> items;

  std::size_t add_input(std::size_t bytes) {
    inputs.push_back(
        scratch.write("in" + std::to_string(inputs.size()), noise(bytes, static_cast<unsigned>(inputs.size()))));
    return inputs.size() - 1;
  }
  std::size_t add_output(std::uint64_t bytes, std::string header) {
    outputs.push_back(Output::create(scratch.file("out" + std::to_string(outputs.size())), bytes, std::move(header)));
    return outputs.size() - 1;
  }

  void require_recorded(std::size_t threads, bool slow = false) {
    for (const Output& output : outputs) std::filesystem::remove(output.path);
    Recorder recorder(inputs.size() + outputs.size());
    if (slow) recorder.be_slow();
    StreamOptions stream = options(threads);
    stream.digests = &recorder;
    std::vector<Input> files;
    for (const std::string& path : inputs) files.push_back(Input::file(path));
    REQUIRE(run_stream(files, outputs, items, stream, nullptr));
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      CAPTURE(i);
      REQUIRE(recorder.content(i) == ScratchDirectory::read(inputs[i]));
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      REQUIRE(recorder.content(inputs.size() + i) == ScratchDirectory::read(outputs[i].path));
    }
  }
};

WorkItem copy(std::uint64_t bytes, Span from, Span to) {
  return {
      .elements = bytes, .stored = DType::kOpaque, .base = from, .targets = {{.output = to, .stored = DType::kOpaque}}};
}

WorkItem merge_item(std::uint64_t elements, Span base, Span finetuned, Span to) {
  return {.elements = elements,
          .stored = DType::kBf16,
          .base = base,
          .sources = {{.stored = DType::kBf16, .span = finetuned}},
          .targets = {{.output = to, .stored = DType::kBf16, .scale = 0.5}}};
}

/// Two ends in shards of equal layout, merged into as many new shards.
void add_shards(HashedRun& run, std::size_t shards) {
  for (std::size_t s = 0; s < shards; ++s) {
    const std::size_t base = run.add_input(1'500'010);
    const std::size_t finetuned = run.add_input(1'500'010);
    const std::size_t out = run.add_output(1'500'010, std::string(10, 'h'));
    run.items.push_back(merge_item(400'000, {base, 10}, {finetuned, 10}, {out, 10}));
    run.items.push_back(copy(300'000, {base, 800'010}, {out, 800'010}));
    run.items.push_back(merge_item(200'000, {base, 1'100'010}, {finetuned, 1'100'010}, {out, 1'100'010}));
  }
}

}  // namespace

TEST_CASE("headers, tensors nobody reads and the ends of files are hashed at their places") {
  HashedRun run;
  add_shards(run, 1);
  run.add_input(700'000);  // a file that no item reads
  run.add_input(0);
  for (const std::size_t threads : {1U, 2U, 7U}) run.require_recorded(threads);
}

TEST_CASE("shards take turns and are all hashed, also slowly") {
  HashedRun run;
  add_shards(run, 4);
  for (const std::size_t threads : {1U, 2U, 7U}) run.require_recorded(threads);
  run.require_recorded(4, true);
}

TEST_CASE("files whose items come in another order than their bytes are hashed by themselves") {
  HashedRun run;
  add_shards(run, 2);
  std::ranges::reverse(run.items);
  for (const std::size_t threads : {1U, 3U}) run.require_recorded(threads);
}

TEST_CASE("a tensor read twice, two ends in one file, and many targets are hashed once") {
  HashedRun run;
  const std::size_t in = run.add_input(1'000'000);
  const std::size_t a = run.add_output(800'000, "");
  const std::size_t b = run.add_output(400'001, "x");
  WorkItem item = merge_item(200'000, {in, 0}, {in, 500'000}, {a, 0});
  item.targets.push_back({{b, 1}, DType::kBf16, 0.25, 0.0, Take::kNothing});
  run.items = {item, merge_item(200'000, {in, 0}, {in, 500'000}, {a, 400'000})};
  for (const std::size_t threads : {1U, 4U}) run.require_recorded(threads);
}

TEST_CASE("plans at random are hashed as the files they leave") {
  std::mt19937 random(60);
  const auto below = [&](std::uint64_t end) { return end == 0 ? 0 : random() % end; };
  for (int trial = 0; trial < 40; ++trial) {
    CAPTURE(trial);
    HashedRun run;
    std::vector<std::size_t> sizes;
    for (std::uint64_t i = 0; i < 1 + below(4); ++i) {
      sizes.push_back(below(900'000));
      run.add_input(sizes.back());
    }
    std::vector<std::uint64_t> ends(1 + below(3), 5);
    for (std::uint64_t i = 0; i < below(10); ++i) {
      const std::size_t file = below(sizes.size());
      const std::uint64_t offset = below(sizes[file]);
      const std::uint64_t bytes = below(sizes[file] - offset);
      const std::size_t out = below(ends.size());
      ends[out] += below(2) * 1000;
      run.items.push_back(copy(bytes, {file, offset}, {out, ends[out]}));
      ends[out] += bytes;
    }
    for (const std::uint64_t end : ends) run.add_output(end + below(2) * 5000, "12345");
    if (below(2) == 0) std::ranges::shuffle(run.items, random);
    run.require_recorded(1 + below(6));
  }
}

TEST_CASE("memory and comparisons are not hashed") {
  HashedRun run;
  add_shards(run, 1);
  run.require_recorded(2);
  Recorder recorder(3);
  StreamOptions stream = options(2);
  stream.digests = &recorder;
  const std::string base = ScratchDirectory::read(run.inputs[0]);
  REQUIRE(run_stream({Input::memory(std::as_bytes(std::span(base))), Input::file(run.inputs[1])},
                     {Output::compare(run.outputs[0].path)}, run.items, stream, nullptr));
  CHECK(recorder.content(0).empty());
  CHECK(recorder.content(1) == ScratchDirectory::read(run.inputs[1]));
  CHECK(recorder.content(2).empty());
}

TEST_CASE("a thread that fails wakes those who wait for its bytes") {
  /// Fails at the first bytes of one file, late enough for the others to wait for theirs.
  class Failing : public Digests {
   public:
    void update(std::size_t file, std::span<const std::byte>) override {
      if (file != 0) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      throw MergeError("the digest failed");
    }
  };
  HashedRun run;
  add_shards(run, 2);
  Failing failing;
  StreamOptions stream = options(6);
  stream.digests = &failing;
  std::vector<Input> files;
  for (const std::string& path : run.inputs) files.push_back(Input::file(path));
  CHECK_THROWS_WITH_AS(run_stream(files, run.outputs, run.items, stream, nullptr), "the digest failed", MergeError);
}

TEST_CASE("a read that fails wakes those who wait for its bytes") {
  /// Cuts a file short when the first bytes come by.
  class Truncating : public Digests {
   public:
    explicit Truncating(std::string path) : path_(std::move(path)) {}
    void update(std::size_t, std::span<const std::byte>) override {
      std::call_once(once_, [this] { std::filesystem::resize_file(path_, 4'000'000); });
    }

   private:
    std::string path_;
    std::once_flag once_;
  };
  HashedRun run;
  const std::size_t base = run.add_input(40'000'000);
  const std::size_t finetuned = run.add_input(40'000'000);
  const std::size_t out = run.add_output(40'000'000, "");
  run.items = {merge_item(20'000'000, {base, 0}, {finetuned, 0}, {out, 0})};
  Truncating digests(run.inputs[finetuned]);
  StreamOptions stream = options(3);
  stream.digests = &digests;
  CHECK_THROWS_WITH_AS(
      run_stream({Input::file(run.inputs[0]), Input::file(run.inputs[1])}, run.outputs, run.items, stream, nullptr),
      doctest::Contains("ends at byte 4000000"), CheckpointError);
}

TEST_CASE("a stream that is stopped wakes those who wait") {
  HashedRun run;
  add_shards(run, 3);
  Recorder recorder(run.inputs.size() + run.outputs.size());
  recorder.be_slow();
  StreamOptions stream = options(6);
  stream.digests = &recorder;
  std::vector<Input> files;
  for (const std::string& path : run.inputs) files.push_back(Input::file(path));
  CHECK_FALSE(run_stream(files, run.outputs, run.items, stream, [](std::uint64_t) { return false; }));
}

TEST_CASE("shards are hashed several at a time: no file is finished before the next is begun") {
  HashedRun run;
  add_shards(run, 2);
  std::vector<HashedFile> files(6, {true, 1'500'010});
  Schedule schedule(run.items, 4, files, 2);
  std::size_t last_of_first = 0, first_of_second = 0, units = 0;
  while (const auto unit = schedule.next()) {
    ++units;
    const bool first = unit->is_chunk ? unit->item < 3 : unit->file == 0 || unit->file == 1 || unit->file == 4;
    if (first) last_of_first = units;
    if (!first && first_of_second == 0) first_of_second = units;
  }
  CHECK(first_of_second < last_of_first);
}

TEST_CASE("where nothing is hashed, threads write to different files: a file takes one writer at a time") {
  HashedRun run;
  add_shards(run, 3);
  Schedule schedule(run.items, 6, {}, 2);
  const auto first = schedule.next();
  const auto second = schedule.next();
  REQUIRE((first && second));
  CHECK(run.items[first->item].targets[0].output.file != run.items[second->item].targets[0].output.file);
}

}  // namespace retain::merge
