// The loop with its threads and a recording, on scripted devices: for the thread sanitizer, and for a disk that fails.
#include <doctest.h>

#include "record/records.hpp"
#include "runtime/assemble.hpp"
#include "runtime/scripted_loop.hpp"

using namespace retain;
using namespace retain::testing;

namespace {

// Short rows, so that a short run has many answers; patient, because a recorder beside the loop is what is tested.
LoopConfig config(RecordMode mode, const std::filesystem::path& path) {
  LoopConfig config = scripted_config();
  config.dt_s = 0.02;
  config.execute_rows = 4;
  config.inference_timeout_s = 2.0;
  config.hold_timeout_s = 2.0;
  config.start_timeout_s = 5.0;
  config.recording = {.mode = mode, .path = path.string(), .black_box_s = 30.0, .metadata = {}};
  return config;
}

std::unique_ptr<Loop> loop_of(const LoopConfig& config, ScriptedEngine::Script script = drift(0.02)) {
  return assemble(config, scripted_robot(), {std::make_shared<ScriptedCamera>()}, scripted_engine(std::move(script)));
}

RunReport run(Loop& loop) {
  loop.start();
  while (!loop.wait(0.05)) {
  }
  return loop.report();
}

}  // namespace

TEST_CASE("a run is recorded while it goes on, every tick and every answer") {
  const TemporaryDirectory directory;
  const auto loop = loop_of(config(RecordMode::all, directory.path / "run.mcap"));
  const RunReport report = run(*loop);
  CHECK(report.state == State::hold);
  CHECK(report.recording.error.empty());
  CHECK(report.recording.path == (directory.path / "run.mcap").string());
  CHECK(report.recording.bytes == std::filesystem::file_size(directory.path / "run.mcap"));
  // At least the ticks, two messages and a picture per answer, and the events of a whole run.
  CHECK(report.recording.messages >= report.ticks - report.records_lost + 3 * report.inference_counts.published);
}

TEST_CASE("every fault of an attended run has a file, with what led to it and what was recorded since") {
  const TemporaryDirectory directory;
  Recorder recorder(1 << 10, 1);
  auto writer = std::make_unique<FlightWriter>(
      RecordingConfig{.mode = RecordMode::fault, .path = (directory.path / "box.mcap").string(), .metadata = {}},
      std::vector<RecordedCamera>{}, 3, 1 << 20);
  recorder.attach(std::make_unique<FlightTape>(1, ObservationRecord({}, 3, 4, 3, 3), std::move(writer)));
  Nanoseconds now_ns = 0;
  const auto pass = [&](State state, int seconds) {
    for (int tick = 0; tick < 10 * seconds; ++tick) {
      TickRecord record = tick_at(now_ns += kNanosecondsPerSecond / 10);
      record.state = state;
      recorder.push(record);
      recorder.drain();
    }
  };
  pass(State::running, 40);
  pass(State::fault, 100);  // a person takes time; the box must not fill with waiting meanwhile
  CHECK(std::filesystem::exists(directory.path / "box.mcap"));
  CHECK(contents(directory.path / "box.mcap").find("state fault") != std::string::npos);
  pass(State::running, 10);
  CHECK_FALSE(std::filesystem::exists(directory.path / "box-2.mcap"));
  pass(State::fault, 100);
  CHECK(std::filesystem::exists(directory.path / "box-2.mcap"));
  pass(State::hold, 1);
  recorder.finish();
  CHECK_FALSE(std::filesystem::exists(directory.path / "box-3.mcap"));
}

TEST_CASE("a disk that fails stops the recording and nothing else") {
  const RunReport report = run(*loop_of(config(RecordMode::all, "/dev/full")));
  CHECK(report.state == State::hold);
  CHECK(report.cause == Cause::time_over);
  CHECK(report.recording.error == "/dev/full cannot be written: No space left on device");
  CHECK(report.recording.lost_messages > 0);
}

TEST_CASE("the black box is written after a fault, or on request, and otherwise not") {
  const TemporaryDirectory directory;
  const std::filesystem::path file = directory.path / "box.mcap";
  CHECK(run(*loop_of(config(RecordMode::fault, file))).recording.path.empty());
  CHECK_FALSE(std::filesystem::exists(file));

  const auto asked = loop_of(config(RecordMode::fault, file));
  asked->request_save();
  CHECK(run(*asked).recording.path == file.string());
  std::filesystem::remove(file);

  LoopConfig endless = config(RecordMode::fault, file);
  endless.duration_s = 0.0;
  endless.hold_timeout_s = 0.1;
  const auto faulty = loop_of(endless, [](std::uint64_t request, std::span<const float>, std::span<float>) {
    if (request == 2) throw EngineError("out of memory");
  });
  const RunReport report = run(*faulty);
  CHECK(report.cause == Cause::engine_error);
  CHECK(report.recording.path == file.string());
  CHECK(contents(file).find("cause engine_error") != std::string::npos);
}
