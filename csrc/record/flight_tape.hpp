// Everything between the loop's threads and a flight's file: a ring per producer, and the writer behind them.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "exchange/slot_ring.hpp"
#include "record/camera_tap.hpp"
#include "record/flight_writer.hpp"

namespace retain {

/// Built before the threads start; after that, each member belongs to the threads that its comment names.
struct FlightTape {
  FlightTape(std::size_t observation_slots, const ObservationRecord& prototype, std::unique_ptr<FlightWriter> to)
      : observations(observation_slots, prototype), writer(std::move(to)) {}

  SlotRing<ObservationRecord> observations;  // infer thread → recorder thread
  std::atomic<std::uint64_t> lost_observations{0};
  std::vector<std::unique_ptr<CameraTap>> taps;  // camera threads → recorder thread, in the engine's order
  std::unique_ptr<FlightWriter> writer;          // recorder thread
  std::atomic<bool> save_requested{false};       // any thread → recorder thread
};

}  // namespace retain
