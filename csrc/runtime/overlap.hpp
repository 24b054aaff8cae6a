// Where two chunks speak about the same instants: what becomes of the older one's words.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "runtime/chunk.hpp"
#include "runtime/sampler.hpp"

namespace retain {

/// What a chunk says about an instant: linear channels where they are at it, hold channels what is in force at it.
ChannelValues said_at(const Chunk& chunk, const std::vector<Interpolation>& interpolation,
                      Nanoseconds instant_ns) noexcept;

/// The rows of a chunk to come, as a running chunk says them: row k at start + (k + 1)·dt on linear channels, in force
/// from start + k·dt on hold channels. Past its end a chunk holds its last row.
/// @param values [rows · channels], written
/// @return rows that the running chunk really covers
std::size_t left_over(const Chunk& running, const std::vector<Interpolation>& interpolation, Nanoseconds start_ns,
                      std::span<double> values) noexcept;

/// planned ← (1 − share)·running + share·planned on the rows that the running chunk covers (LeRobot's asynchronous
/// inference, `weighted_average`).
void blend(const Chunk& running, const std::vector<Interpolation>& interpolation, double share, Chunk& next) noexcept;

/// Temporal ensembling (ACT, arXiv 2304.13705): at every instant the mean of all chunks that speak about it, the oldest
/// with weight 1, the i-th after it with exp(−decay·i). For policies that regress; the mean of two modes of a flow is
/// neither.
class Ensemble {
 public:
  /// @param decay m ≥ 0
  explicit Ensemble(double decay) : decay_(decay) {}

  /// Replaces next.planned by the mean over it and the kept chunks.
  void average(const std::vector<Interpolation>& interpolation, Chunk& next) noexcept;

  /// Remembers what the policy said itself, for the chunks after this one.
  void keep(const Chunk& chunk);

  void forget() noexcept { kept_.clear(); }

 private:
  double decay_;
  std::deque<Chunk> kept_;  // oldest first; `planned` is the policy's own
};

}  // namespace retain
