#include "oracle.hpp"

#include <algorithm>
#include <numeric>

#include "philox.hpp"

namespace retain::test {
namespace {

using merge::Source;
using merge::Thinning;
using merge::WorkItem;

long double read(const std::vector<Bytes>& inputs, const merge::Span& span, DType dtype, std::uint64_t i) {
  return static_cast<long double>(element(dtype, inputs[span.file].data() + span.offset, i));
}

long double update(const WorkItem& item, const Source& source, const std::vector<Bytes>& inputs, std::uint64_t i) {
  if (source.span) {
    return read(inputs, *source.span, source.stored, i) - read(inputs, item.base, item.stored, i);
  }
  const merge::LowRank& factors = *source.low_rank;
  long double sum = 0.0L;
  for (std::uint64_t k = 0; k < factors.rank; ++k) {
    sum += read(inputs, factors.b, factors.stored, i / factors.columns * factors.rank + k) *
           read(inputs, factors.a, factors.stored, k * factors.columns + i % factors.columns);
  }
  return sum * static_cast<long double>(factors.scale);
}

/// The probability to be kept, per element: by rank within the row, ties by element.
std::vector<double> probabilities(const WorkItem& item, const std::vector<long double>& d) {
  const std::size_t length = item.row_length;
  std::vector<double> found(d.size(), item.density);
  for (std::size_t row = 0; row < d.size() && length > 1; row += length) {
    std::vector<std::size_t> order(length);
    std::iota(order.begin(), order.end(), row);
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return std::fabs(d[i]); });
    for (std::size_t r = 0; r < length; ++r) {
      found[order[r]] =
          item.density - item.spread + 2.0 * item.spread * static_cast<double>(r) / (static_cast<double>(length) - 1.0);
    }
  }
  return found;
}

std::vector<long double> thinned(const WorkItem& item, std::size_t source, const std::vector<long double>& d) {
  std::vector<long double> t = d;
  if (item.thinning == Thinning::kMagnitude) {
    for (long double& value : t) {
      if (static_cast<float>(std::fabs(value)) < item.sources[source].threshold) value = 0.0L;
    }
  } else if (item.thinning != Thinning::kNone) {
    std::vector<double> kept(d.size(), item.density);
    if (item.thinning == Thinning::kRanked) kept = probabilities(item, d);
    for (std::size_t i = 0; i < t.size(); ++i) {
      const auto word = static_cast<double>(philox_word(item.key, static_cast<std::uint32_t>(1 + source), i));
      // Random thinning divides all by one density: at the end, so that no rounding keeps equal terms from cancelling.
      const double divisor = item.thinning == Thinning::kRanked ? kept[i] : 1.0;
      t[i] = word < std::floor(kept[i] * 0x1p32) ? t[i] / static_cast<long double>(divisor) : 0.0L;
    }
  }
  return t;
}

int sign(long double value) { return (value > 0.0L) - (value < 0.0L); }

/// E of one element (times the density of random thinning), from c_i·t_i and c_i.
long double combined(const WorkItem& item, const std::vector<long double>& terms) {
  const long double sum = std::accumulate(terms.begin(), terms.end(), 0.0L);
  if (!item.elect_sign) return sum;
  long double agreeing = 0.0L;
  long double weight = 0.0L;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    if (sign(sum) == 0 || sign(terms[i]) != sign(sum)) continue;
    agreeing += terms[i];
    weight += static_cast<long double>(item.sources[i].coefficient);
  }
  return weight > 0.0L ? agreeing / weight : 0.0L;
}

}  // namespace

Expected expected(const WorkItem& item, const std::vector<Bytes>& inputs) {
  Expected result;
  std::vector<std::vector<long double>> t;
  for (std::uint64_t i = 0; i < item.elements; ++i) result.base.push_back(read(inputs, item.base, item.stored, i));
  for (std::size_t s = 0; s < item.sources.size(); ++s) {
    std::vector<long double> d;
    for (std::uint64_t i = 0; i < item.elements; ++i) d.push_back(update(item, item.sources[s], inputs, i));
    t.push_back(thinned(item, s, d));
    result.updates.push_back(std::move(d));
  }
  result.exact.resize(item.targets.size());
  result.unrounded.resize(item.targets.size());
  for (std::uint64_t i = 0; i < item.elements; ++i) {
    std::vector<long double> terms;
    long double size = 0.0L;
    for (std::size_t s = 0; s < t.size(); ++s) {
      terms.push_back(static_cast<long double>(item.sources[s].coefficient) * t[s][i]);
      size += std::fabs(terms.back());
    }
    const auto density = static_cast<long double>(item.thinning == Thinning::kRandom ? item.density : 1.0);
    result.size.push_back(size / density);
    for (std::size_t target = 0; target < item.targets.size(); ++target) {
      const long double u = static_cast<long double>(item.targets[target].base_scale) * result.base[i] +
                            static_cast<long double>(item.targets[target].scale) * combined(item, terms) / density;
      result.exact[target].push_back(u);
      result.unrounded[target].push_back(result.base[i] + u);
    }
  }
  return result;
}

}  // namespace retain::test
