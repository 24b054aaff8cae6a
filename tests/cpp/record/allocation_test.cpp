// The threads that produce allocate nothing, full rings included: operator new counts.
#include <doctest.h>

#include <cstdint>
#include <memory>

#include "allocation_count.hpp"
#include "record/records.hpp"
#include "runtime/recorder.hpp"

using namespace retain;
using namespace retain::testing;

TEST_CASE("ticks, observations and frames are handed over without an allocation") {
  Recorder recorder(64, 64);
  auto writer = std::make_unique<FlightWriter>(RecordingConfig{.mode = RecordMode::fault, .path = "", .metadata = {}},
                                               std::vector<RecordedCamera>{{"front", 4, 4}}, 3, 1 << 16);
  auto tape = std::make_unique<FlightTape>(4, observation(), std::move(writer));
  Frame frame;
  frame.rgb.resize(48);
  tape->taps.push_back(std::make_unique<CameraTap>(4, 10, frame));
  recorder.attach(std::move(tape));
  const ObservationRecord source = observation();
  std::uint64_t taken = 0;
  std::uint64_t allocations = 0;
  for (int round = 0; round < 1000; ++round) {
    AllocationCount count;
    recorder.push(tick_at(round));
    frame.sensor_time_ns = 100 * round;
    recorder.offer_frame(0, frame);
    if (ObservationRecord* slot = recorder.claim_observation()) {
      slot->chunk = source.chunk;
      slot->images[0].rgb = source.images[0].rgb;
      slot->answer = source.answer;
      recorder.publish_observation();
      ++taken;
    }
    allocations += count.stop();
    if (round % 100 == 99) recorder.drain();  // seldom enough for the rings to fill
  }
  CHECK(allocations == 0);
  CHECK(taken == 40);
  CHECK(recorder.recording().lost_observations == 960);
  CHECK(recorder.recording().lost_frames == 960);
  CHECK(recorder.lost() > 0);
}
