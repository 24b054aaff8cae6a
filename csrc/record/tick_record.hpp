// What the tick thread tells the recorder, once per tick.
#pragma once

#include <cstdint>

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
  Cause cause = Cause::none;  ///< why it stopped; none while it runs
  ChannelValues measured{};
  ChannelValues policy{};   ///< the row being approached, before admission; NaN without a chunk
  ChannelValues planned{};  ///< the sampled target; NaN without a chunk
  ChannelValues sent{};     ///< the command in force; on a tick whose reaction is `drop` it was not sent any more
};

}  // namespace retain
