// What a work item means, written plainly from its definition in long double, element by element. Knows nothing of
// blocks, lanes or chunks.
#pragma once

#include <vector>

#include "merge/work_item.hpp"
#include "values.hpp"

namespace retain::test {

struct Expected {
  std::vector<std::vector<long double>> updates;    ///< d, per source
  std::vector<std::vector<long double>> exact;      ///< u, per target
  std::vector<std::vector<long double>> unrounded;  ///< p + u, per target
  std::vector<long double> base;
  std::vector<long double> size;  ///< Σ |c_i·t_i|: what the arithmetic's own error is relative to
};

/// `inputs` hold the ends, by the numbers that the item's spans give them.
Expected expected(const merge::WorkItem& item, const std::vector<Bytes>& inputs);

}  // namespace retain::test
