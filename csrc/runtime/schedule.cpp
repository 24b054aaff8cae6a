#include "runtime/schedule.hpp"

#include <string>

#include "error.hpp"

namespace retain {

void check_schedule(const Schedule& schedule) {
  const std::string rows = std::to_string(schedule.execute_rows) + " rows between requests of a chunk of " +
                           std::to_string(schedule.horizon);
  if (schedule.dt_ns <= 0) throw ConfigError("the policy's dt must be positive");
  if (schedule.execute_rows < 1 || schedule.execute_rows > schedule.horizon) {
    throw ConfigError("cannot play " + rows + "; choose from 1 to the chunk's length");
  }
  if (schedule.strategy == Strategy::async && schedule.execute_rows == schedule.horizon) {
    throw ConfigError("async with " + rows +
                      " leaves no rows to play while the next chunk is computed; choose fewer, or sync");
  }
}

}  // namespace retain
