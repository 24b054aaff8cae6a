#include "runtime/sampler.hpp"

#include <algorithm>

namespace retain {

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
  const double* const from = target.row == 0 ? chunk.origin.data() : chunk.planned_row(target.row - 1).data();
  const Nanoseconds into_row_ns = elapsed_ns - static_cast<Nanoseconds>(passed) * chunk.dt_ns;
  const double share = static_cast<double>(into_row_ns) / static_cast<double>(chunk.dt_ns);
  const double dt_s = to_s(chunk.dt_ns);
  for (std::size_t c = 0; c < chunk.channels; ++c) {
    const bool moves = interpolation[c] == Interpolation::linear;
    target.position[c] = moves ? from[c] + share * (row[c] - from[c]) : row[c];
    target.velocity[c] = moves ? (row[c] - from[c]) / dt_s : 0.0;
  }
}

}  // namespace retain
