#include "runtime/overlap.hpp"

#include <algorithm>
#include <cmath>

namespace retain {

namespace {

Nanoseconds end_ns(const Chunk& chunk) noexcept { return chunk.due_ns(chunk.playable_rows - 1); }

}  // namespace

ChannelValues said_at(const Chunk& chunk, const std::vector<Interpolation>& interpolation,
                      Nanoseconds instant_ns) noexcept {
  Target target;
  sample(chunk, interpolation, instant_ns, target);
  return target.position;
}

std::size_t left_over(const Chunk& running, const std::vector<Interpolation>& interpolation, Nanoseconds start_ns,
                      std::span<double> values) noexcept {
  const std::size_t rows = values.size() / running.channels;
  std::size_t covered = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    const Nanoseconds begins_ns = start_ns + static_cast<Nanoseconds>(row) * running.dt_ns;
    const ChannelValues before = said_at(running, interpolation, begins_ns);
    const ChannelValues reached = said_at(running, interpolation, begins_ns + running.dt_ns);
    for (std::size_t c = 0; c < running.channels; ++c) {
      values[row * running.channels + c] = interpolation[c] == Interpolation::linear ? reached[c] : before[c];
    }
    if (begins_ns + running.dt_ns <= end_ns(running)) covered = row + 1;
  }
  return covered;
}

void blend(const Chunk& running, const std::vector<Interpolation>& interpolation, double share, Chunk& next) noexcept {
  std::vector<double>& planned = next.planned;
  for (std::size_t row = 0; row < next.rows && next.due_ns(row) <= end_ns(running); ++row) {
    const ChannelValues reached = said_at(running, interpolation, next.due_ns(row));
    const ChannelValues before = said_at(running, interpolation, next.due_ns(row) - next.dt_ns);
    for (std::size_t c = 0; c < next.channels; ++c) {
      double& value = planned[row * next.channels + c];
      const double old = interpolation[c] == Interpolation::linear ? reached[c] : before[c];
      value = (1.0 - share) * old + share * value;
    }
  }
}

void Ensemble::average(const std::vector<Interpolation>& interpolation, Chunk& next) noexcept {
  for (std::size_t row = 0; row < next.rows; ++row) {
    ChannelValues sum{};
    double total = 0.0;
    double age = 0.0;  // counts the chunks that speak about this row, the oldest first
    const Nanoseconds due_ns = next.due_ns(row);
    for (const Chunk& chunk : kept_) {
      if (end_ns(chunk) < due_ns) continue;
      const double weight = std::exp(-decay_ * age++);
      const ChannelValues reached = said_at(chunk, interpolation, due_ns);
      const ChannelValues before = said_at(chunk, interpolation, due_ns - next.dt_ns);
      total += weight;
      for (std::size_t c = 0; c < next.channels; ++c) {
        sum[c] += weight * (interpolation[c] == Interpolation::linear ? reached[c] : before[c]);
      }
    }
    const double weight = std::exp(-decay_ * age);
    for (std::size_t c = 0; c < next.channels; ++c) {
      double& value = next.planned[row * next.channels + c];
      value = (sum[c] + weight * value) / (total + weight);
    }
  }
}

void Ensemble::keep(const Chunk& chunk) {
  std::erase_if(kept_, [&](const Chunk& old) { return end_ns(old) <= chunk.start_ns; });
  kept_.push_back(chunk);
  kept_.back().planned = kept_.back().policy;
}

}  // namespace retain
