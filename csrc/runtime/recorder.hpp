// The flight record: one entry per tick, taken off the tick thread by a ring; the newest kept in fixed memory, all of
// them handed to the flight's file where one is wanted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "exchange/spsc_ring.hpp"
#include "record/flight_tape.hpp"
#include "record/tick_record.hpp"

namespace retain {

class Recorder {
 public:
  /// @param ring_size ticks that may pass between two drains
  /// @param kept ticks to keep
  Recorder(std::size_t ring_size, std::size_t kept) : ring_(ring_size), kept_(kept < 1 ? 1 : kept) {
    log_.reserve(kept_);
  }

  /// Records to a file too. Before the threads start.
  void attach(std::unique_ptr<FlightTape> tape) { tape_ = std::move(tape); }

  /// Tick thread. A full ring loses the record and counts it; the tick never waits for the log.
  void push(const TickRecord& record) noexcept {
    if (!ring_.push(record)) ++lost_;
  }

  /// Infer thread: a record to fill, and to hand over by publish_observation().
  /// @return nullptr where nothing is recorded, or the recorder is behind (which is counted)
  [[nodiscard]] ObservationRecord* claim_observation() noexcept;
  void publish_observation() noexcept { tape_->observations.publish(); }

  /// Camera thread: a frame that may be wanted for a data set.
  /// @param camera in the engine's order
  void offer_frame(std::size_t camera, const Frame& frame) noexcept {
    if (tape_ != nullptr) tape_->taps[camera]->offer(frame);
  }

  /// Any thread: the black box is to be written at the run's end, whatever that will be.
  void request_save() noexcept {
    if (tape_ != nullptr) tape_->save_requested.store(true, std::memory_order_release);
  }

  /// Recorder thread: moves what is in the rings into the log and the file.
  void drain();

  /// Recorder thread, once, at the end: drains, and completes the file.
  void finish();

  /// The kept ticks, oldest first. After the threads have ended.
  [[nodiscard]] std::vector<TickRecord> records() const;

  /// Ticks lost because the recorder thread did not run in time. After the threads have ended.
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

  /// What became of the file. After the threads have ended.
  [[nodiscard]] RecordingReport recording() const;

 private:
  void keep(const TickRecord& record);
  void tell_changes(const TickRecord& record) noexcept;
  void save_if_due(const TickRecord& record) noexcept;
  [[nodiscard]] std::map<std::string, std::string> ending() const;

  SpscRing<TickRecord> ring_;
  std::size_t kept_;
  std::size_t next_ = 0;
  std::vector<TickRecord> log_;
  std::uint64_t lost_ = 0;
  std::unique_ptr<FlightTape> tape_;
  TickRecord told_;  // the last tick whose state was told as an event
  Nanoseconds fault_began_ns_ = 0;
  bool fault_saved_ = false;
};

}  // namespace retain
