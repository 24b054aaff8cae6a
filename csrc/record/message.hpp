// One message on its way to a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/clock.hpp"

namespace retain {

/// `topic` indexes the file's topics (messages.hpp).
struct Message {
  std::uint16_t topic = 0;
  std::uint32_t sequence = 0;  ///< number of the chunk that the message belongs to
  Nanoseconds log_ns = 0;      ///< when it was recorded: a tick's wake-up, an answer's judgement, a frame's arrival
  Nanoseconds publish_ns = 0;  ///< when what it tells happened: a frame's sensor time, an observation's time
  std::span<const std::byte> data;
};

}  // namespace retain
