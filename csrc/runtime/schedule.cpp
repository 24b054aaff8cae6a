#include "runtime/schedule.hpp"

#include <string>

#include "error.hpp"

namespace retain {

const char* to_string(Strategy strategy) noexcept {
  switch (strategy) {
    case Strategy::sync:
      return "sync";
    case Strategy::async:
      return "async";
    case Strategy::ensemble:
      return "ensemble";
    case Strategy::rtc_guided:
      return "rtc-guided";
    case Strategy::rtc_prefix:
      return "rtc-prefix";
  }
  return "?";
}

Splice splice_of(Strategy strategy) noexcept {
  if (strategy == Strategy::rtc_guided) return Splice::guided;
  return strategy == Strategy::rtc_prefix ? Splice::prefix : Splice::none;
}

void check_schedule(const Schedule& schedule) {
  const std::string rows = std::to_string(schedule.execute_rows) + " rows between requests of a chunk of " +
                           std::to_string(schedule.horizon);
  if (schedule.dt_ns <= 0) throw ConfigError("the policy's dt must be positive");
  if (schedule.execute_rows < 1 || schedule.execute_rows > schedule.horizon) {
    throw ConfigError("cannot play " + rows + "; choose from 1 to the chunk's length");
  }
  if (schedule.strategy != Strategy::sync && schedule.execute_rows == schedule.horizon) {
    throw ConfigError(std::string(to_string(schedule.strategy)) + " with " + rows +
                      " leaves no rows to play while the next chunk is computed; choose fewer, or sync");
  }
  if (schedule.strategy == Strategy::rtc_prefix && schedule.max_trained_delay == 0) {
    throw ConfigError(
        "rtc-prefix needs a policy that was trained to continue committed rows, and this bundle's max_trained_delay is "
        "0; choose rtc-guided, which needs no training, or finetune the policy with --train-delays");
  }
}

void check_feasible(const Schedule& schedule, Nanoseconds latency_ns) {
  if (schedule.strategy == Strategy::sync) return;
  const std::size_t d = schedule.rows_within(latency_ns);
  const std::size_t s = schedule.execute_rows;
  const std::size_t H = schedule.horizon;
  const std::string takes = "inference takes " + std::to_string(to_s(latency_ns)) +
                            " s, which is d = " + std::to_string(d) + " rows of " +
                            std::to_string(to_s(schedule.dt_ns)) + " s; ";
  if (d > s || s + d > H) {
    const std::string fits =
        2 * d <= H ? "choose from " + std::to_string(d) + " to " + std::to_string(H - d) + " rows between requests, "
                   : "no number of rows between requests fits; choose ";
    throw ConfigError(takes + to_string(schedule.strategy) + " with s = " + std::to_string(s) +
                      " rows between requests of a chunk of H = " + std::to_string(H) + " needs d ≤ s ≤ H − d; " +
                      fits + "a faster engine, fewer flow steps, or sync");
  }
  if (schedule.strategy == Strategy::rtc_prefix && d > schedule.max_trained_delay) {
    throw ConfigError(takes + "the policy was trained to continue at most " +
                      std::to_string(schedule.max_trained_delay) +
                      "; choose rtc-guided, a faster engine or fewer flow steps, or finetune with --train-delays " +
                      std::to_string(d));
  }
}

}  // namespace retain
