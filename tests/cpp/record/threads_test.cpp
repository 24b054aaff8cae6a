// All producers and the recorder at once, for the thread sanitizer: nothing is torn, and what is not kept is counted.
#include <doctest.h>

#include <atomic>
#include <thread>

#include "record/records.hpp"
#include "runtime/recorder.hpp"

using namespace retain;
using namespace retain::testing;

TEST_CASE("tick, infer and camera threads feed one recorder thread") {
  const TemporaryDirectory directory;
  constexpr int kCount = 3000;
  Recorder recorder(256, 1 << 16);
  auto writer = std::make_unique<FlightWriter>(
      RecordingConfig{.mode = RecordMode::all, .path = (directory.path / "run.mcap").string(), .metadata = {}},
      std::vector<RecordedCamera>{{"front", 4, 4}}, 3, 0);
  auto tape = std::make_unique<FlightTape>(8, observation(), std::move(writer));
  Frame prototype;
  prototype.rgb.resize(48);
  tape->taps.push_back(std::make_unique<CameraTap>(8, 1, prototype));
  recorder.attach(std::move(tape));

  std::atomic<int> producing{3};
  std::thread tick([&] {
    for (int i = 0; i < kCount; ++i) recorder.push(tick_at(i));
    --producing;
  });
  std::thread infer([&] {
    for (int i = 0; i < kCount; ++i) {
      if (ObservationRecord* slot = recorder.claim_observation()) {
        slot->answered_ns = i;
        slot->state.assign(slot->state.size(), static_cast<float>(i));
        recorder.publish_observation();
      }
    }
    --producing;
  });
  std::thread camera([&] {
    Frame frame = prototype;
    for (int i = 0; i < kCount; ++i) {
      frame.sensor_time_ns = 10 * i;
      frame.rgb.assign(48, static_cast<std::uint8_t>(i));
      recorder.offer_frame(0, frame);
    }
    --producing;
  });
  std::thread record([&] {
    while (producing.load() > 0) recorder.drain();
    recorder.finish();
  });
  for (std::thread* thread : {&tick, &infer, &camera, &record}) thread->join();

  const RecordingReport report = recorder.recording();
  CHECK(report.error.empty());
  CHECK(recorder.records().size() + recorder.lost() == kCount);
  const std::uint64_t observations = kCount - report.lost_observations;
  const std::uint64_t frames = kCount - report.lost_frames;
  CHECK(report.messages == recorder.records().size() + 3 * observations + frames);
}
