#include "runtime/sampler.hpp"

#include <algorithm>
#include <cmath>

namespace retain {

namespace {

// Both slopes in one: the smaller, or none where they differ in sign ("minmod", as slope limiters of advection schemes
// have it).
double kept(double slope, double other) noexcept {
  if (slope * other <= 0.0) return 0.0;
  return std::abs(other) < std::abs(slope) ? other : slope;
}

}  // namespace

void sample(const Chunk& chunk, std::span<const Interpolation> interpolation, Nanoseconds now_ns,
            Target& target) noexcept {
  const Nanoseconds elapsed_ns = std::max<Nanoseconds>(now_ns - chunk.start_ns, 0);
  const auto passed = static_cast<std::size_t>(elapsed_ns / chunk.dt_ns);
  target.exhausted = passed >= chunk.playable_rows;
  target.row = std::min(passed, chunk.playable_rows - 1);

  const std::span<const double> row = chunk.planned_row(target.row);
  if (target.exhausted) {
    std::copy(row.begin(), row.end(), target.position.begin());
    target.velocity.fill(0.0);
    return;
  }
  const Nanoseconds into_row_ns = elapsed_ns - static_cast<Nanoseconds>(passed) * chunk.dt_ns;
  const double share = static_cast<double>(into_row_ns) / static_cast<double>(chunk.dt_ns);
  const double dt_s = to_s(chunk.dt_ns);
  const auto row_at = [&](std::size_t r) { return r == 0 ? chunk.origin.data() : chunk.planned_row(r - 1).data(); };
  const double* const from = row_at(target.row);
  // The neighbour that this instant is nearer to, as two points whose difference is its step; at the plan's end, rest.
  const bool before = share < 0.5;
  const bool rests = !before && target.row + 1 >= chunk.playable_rows;
  const std::size_t neighbour =
      before ? std::max<std::size_t>(target.row, 1) - 1 : std::min(target.row + 1, chunk.rows - 1);
  const double* const other_from = row_at(neighbour);
  const double* const other_to = chunk.planned_row(neighbour).data();
  for (std::size_t c = 0; c < chunk.channels; ++c) {
    const bool moves = interpolation[c] == Interpolation::linear;
    const double step = row[c] - from[c];
    const double other = rests ? 0.0 : other_to[c] - other_from[c];
    target.position[c] = moves ? from[c] + share * step : row[c];
    target.velocity[c] = moves ? kept(step, other) / dt_s : 0.0;
  }
}

}  // namespace retain
