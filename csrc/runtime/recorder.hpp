// The flight record: one entry per tick, taken off the tick thread by a ring, the newest kept in fixed memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "exchange/spsc_ring.hpp"
#include "robot/robot.hpp"
#include "runtime/clock.hpp"
#include "runtime/supervisor.hpp"

namespace retain {

/// One tick. Three series are kept apart: what the policy said, what was planned at this instant, what was sent.
struct TickRecord {
  Nanoseconds time_ns = 0;
  Nanoseconds lateness_ns = 0;
  std::uint64_t chunk = 0;  ///< id of the chunk that played; 0: none
  std::uint32_t row = 0;
  State state = State::disarmed;
  Reaction reaction = Reaction::none;
  ChannelValues measured{};
  ChannelValues policy{};   ///< the row being approached, before admission; NaN without a chunk
  ChannelValues planned{};  ///< the sampled target; NaN without a chunk
  ChannelValues sent{};
};

class Recorder {
 public:
  /// @param ring_size ticks that may pass between two drains
  /// @param kept ticks to keep
  Recorder(std::size_t ring_size, std::size_t kept) : ring_(ring_size), kept_(kept < 1 ? 1 : kept) {
    log_.reserve(kept_);
  }

  /// Tick thread. A full ring loses the record and counts it; the tick never waits for the log.
  void push(const TickRecord& record) noexcept {
    if (!ring_.push(record)) ++lost_;
  }

  /// Recorder thread: moves what is in the ring into the log.
  void drain();

  /// The kept ticks, oldest first. After the threads have ended.
  [[nodiscard]] std::vector<TickRecord> records() const;

  /// Records lost because the recorder thread did not run in time. After the threads have ended.
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

 private:
  SpscRing<TickRecord> ring_;
  std::size_t kept_;
  std::size_t next_ = 0;
  std::vector<TickRecord> log_;
  std::uint64_t lost_ = 0;
};

}  // namespace retain
