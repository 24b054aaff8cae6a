// What reaches the disk, and what happens when the disk says no. That a file's contents are right is checked from
// Python, with the library of the format's authors (tests/python/flight/).
#include "record/flight_writer.hpp"

#include <doctest.h>
#include <sys/resource.h>

#include "record/records.hpp"

using namespace retain;
using namespace retain::testing;

namespace {

constexpr std::string_view kMagic = "\x89MCAP0\r\n";

FlightWriter writer_to(const std::filesystem::path& path, RecordMode mode = RecordMode::all) {
  return {RecordingConfig{.mode = mode, .path = path.string(), .black_box_s = 30.0, .metadata = {{"task", "lift"}}},
          {{"front", 4, 4}},
          3,
          1 << 20};
}

}  // namespace

TEST_CASE("a file begins and ends as the format says, and holds what was told") {
  const TemporaryDirectory directory;
  FlightWriter writer = writer_to(directory.path / "run.mcap");
  writer.write(tick_at(1'000));
  writer.write(observation());
  writer.write_event(1'000, true, "state fault");
  writer.finish({{"cause", "engine_hung"}});
  const std::string file = contents(directory.path / "run.mcap");
  CHECK(file.starts_with(kMagic));
  CHECK(file.ends_with(kMagic));
  for (const char* word : {"/tick", "/observation/front", "/chunk", "state fault", "lift", "engine_hung"}) {
    CHECK_MESSAGE(file.find(word) != std::string::npos, word);
  }
  CHECK(writer.report().error.empty());
  CHECK(writer.report().messages == 5);
  CHECK(writer.report().bytes == file.size());
}

TEST_CASE("a black box leaves no file unless it is to be saved") {
  const TemporaryDirectory directory;
  for (const bool save : {false, true}) {
    FlightWriter writer = writer_to(directory.path / "box.mcap", RecordMode::fault);
    for (int i = 0; i < 100; ++i) writer.write(tick_at(i * kNanosecondsPerSecond));
    CHECK_FALSE(std::filesystem::exists(directory.path / "box.mcap"));
    if (save) writer.save_black_box({});
    writer.finish({});
    CHECK(std::filesystem::exists(directory.path / "box.mcap") == save);
    CHECK(writer.report().messages == (save ? 31 : 0));  // both ends of 30 s
    CHECK(writer.report().path.empty() != save);
  }
}

TEST_CASE("a black box that is saved again gets a file of its own") {
  const TemporaryDirectory directory;
  FlightWriter writer = writer_to(directory.path / "box.mcap", RecordMode::fault);
  writer.write(tick_at(1));
  writer.save_black_box({});
  writer.write(tick_at(2));
  writer.save_black_box({});
  CHECK(writer.report().path == (directory.path / "box-2.mcap").string());
  CHECK(writer.report().messages == 3);
  CHECK(writer.report().bytes == std::filesystem::file_size(directory.path / "box.mcap") +
                                     std::filesystem::file_size(directory.path / "box-2.mcap"));
}

TEST_CASE("a path that cannot be opened is told once, and the rest counted") {
  FlightWriter writer = writer_to("/nowhere/run.mcap");
  writer.write(tick_at(1));
  writer.write(tick_at(2));
  writer.finish({});
  CHECK(writer.report().error == "/nowhere/run.mcap cannot be opened: No such file or directory");
  CHECK(writer.report().lost_messages == 2);
  CHECK(writer.report().messages == 0);
  CHECK(writer.report().path.empty());
}

TEST_CASE("a full disk is told once, and the rest counted") {
  FlightWriter writer = writer_to("/dev/full");
  writer.write(tick_at(1));
  writer.finish({});
  CHECK(writer.report().error == "/dev/full cannot be written: No space left on device");
  CHECK(writer.report().lost_messages == 1);
  FlightWriter box = writer_to("/dev/full", RecordMode::fault);
  box.write(tick_at(1));
  box.save_black_box({});
  CHECK(box.report().error == "/dev/full cannot be written: No space left on device");
}

TEST_CASE("a file that reaches its greatest size ends there, and no signal ends the process") {
  const TemporaryDirectory directory;
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit small = before;
  small.rlim_cur = 100'000;
  FlightWriter writer = writer_to(directory.path / "run.mcap");
  setrlimit(RLIMIT_FSIZE, &small);
  for (int i = 0; i < 4000; ++i) writer.write(tick_at(Nanoseconds{2'000'000} * i));
  setrlimit(RLIMIT_FSIZE, &before);
  writer.finish({});
  CHECK(writer.report().error == (directory.path / "run.mcap").string() + " cannot be written: File too large");
  CHECK(writer.report().lost_messages > 0);
  CHECK(std::filesystem::file_size(directory.path / "run.mcap") == 100'000);
}
