// The target at an instant, read off a chunk by time.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/chunk.hpp"

namespace retain {

/// How a channel gets from one row to the next.
enum class Interpolation : std::uint8_t {
  linear,  ///< moves through the row's dt and reaches the row's value at its end
  hold,    ///< takes the row's value at the start of the row's dt (a gripper, a valve)
};

/// Where the chunk wants the robot at one instant.
struct Target {
  ChannelValues position{};
  ChannelValues velocity{};  ///< that the plan keeps, per second; zero on hold channels and past the end
  std::size_t row = 0;       ///< the row being approached
  bool exhausted = false;    ///< the last playable row has been reached
};

/// Before the start: the origin. Past the end: the last playable row, at rest.
///
/// The velocity is the row's slope as far as the plan keeps it: the smaller one of this slope and that of the row
/// before (in the first half of the row) or after (in the second), and zero where they differ in sign; the plan's end
/// counts as rest. A joint that takes a row's own slope for its target's speed, and needs longer than the row to take
/// it on, has it when the plan has turned round already: rows that shake would come out larger than they are.
void sample(const Chunk& chunk, std::span<const Interpolation> interpolation, Nanoseconds now_ns,
            Target& target) noexcept;

}  // namespace retain
