// The threads that produce allocate nothing, full rings included: operator new counts.
#include <doctest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "record/records.hpp"
#include "runtime/recorder.hpp"

namespace {

thread_local bool counting = false;
std::atomic<std::uint64_t> allocations{0};

void* allocate(std::size_t size) {
  if (counting) allocations.fetch_add(1);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

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
  for (int round = 0; round < 1000; ++round) {
    counting = true;
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
    counting = false;
    if (round % 100 == 99) recorder.drain();  // seldom enough for the rings to fill
  }
  CHECK(allocations.load() == 0);
  CHECK(taken == 40);
  CHECK(recorder.recording().lost_observations == 960);
  CHECK(recorder.recording().lost_frames == 960);
  CHECK(recorder.lost() > 0);
}

TEST_CASE("the counter counts") {
  const std::uint64_t before = allocations.load();
  counting = true;
  const std::vector<int> some(1000 + before % 2);
  counting = false;
  CHECK(some.size() >= 1000);
  CHECK(allocations.load() > before);
}
