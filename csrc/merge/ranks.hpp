// The ranks of updates within their rows, by magnitude: 0 for the smallest, equal ones in the order of their elements.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace retain::merge {

/// Ranks rows, in memory that grows to the longest one.
template <class Real>
class Ranking {
 public:
  /// ranks[i] = the rank of |row[i]|; NaN counts as the largest. At most 2^32 elements.
  void run(std::span<const Real> row, std::uint32_t* ranks);

 private:
  struct Entry {
    Real magnitude;  // never negative, so its bits are ordered like it
    std::uint32_t element;
  };
  void sort_by_digits();

  std::vector<Entry> entries_;
  std::vector<Entry> sorted_;
};

extern template class Ranking<float>;
extern template class Ranking<double>;

}  // namespace retain::merge
