#include "merge/ranks.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <type_traits>

namespace retain::merge {
namespace {

constexpr std::size_t kFewEntries = 1024;  // below, counting digits costs more than comparing
constexpr unsigned kDigitBits = 11;
constexpr std::size_t kDigits = std::size_t{1} << kDigitBits;

template <class Real>
using Word = std::conditional_t<sizeof(Real) == 4, std::uint32_t, std::uint64_t>;

/// Ordered like the magnitude; NaN above infinity.
template <class Real>
Word<Real> bits_of(Real magnitude) {
  constexpr Word<Real> kSign = Word<Real>{1} << (8 * sizeof(Real) - 1);
  return std::bit_cast<Word<Real>>(magnitude) & static_cast<Word<Real>>(~kSign);
}

}  // namespace

template <class Real>
void Ranking<Real>::run(std::span<const Real> row, std::uint32_t* ranks) {
  entries_.resize(row.size());
  for (std::size_t i = 0; i < row.size(); ++i) entries_[i] = {row[i], static_cast<std::uint32_t>(i)};
  if (row.size() < kFewEntries) {
    std::ranges::stable_sort(entries_, {}, [](const Entry& entry) { return bits_of(entry.magnitude); });
  } else {
    sort_by_digits();
  }
  for (std::size_t i = 0; i < row.size(); ++i) ranks[entries_[i].element] = static_cast<std::uint32_t>(i);
}

/// Radix sort from the lowest digit, which keeps equal entries in order.
template <class Real>
void Ranking<Real>::sort_by_digits() {
  sorted_.resize(entries_.size());
  for (unsigned shift = 0; shift < 8 * sizeof(Real) - 1; shift += kDigitBits) {
    const auto digit = [shift](const Entry& entry) {
      return static_cast<std::size_t>(bits_of(entry.magnitude) >> shift) % kDigits;
    };
    std::array<std::size_t, kDigits> begin{};
    for (const Entry& entry : entries_) ++begin[digit(entry)];
    if (begin[digit(entries_[0])] == entries_.size()) continue;  // all the same
    std::size_t total = 0;
    for (std::size_t& count : begin) {
      const std::size_t here = count;
      count = total;
      total += here;
    }
    for (const Entry& entry : entries_) sorted_[begin[digit(entry)]++] = entry;
    entries_.swap(sorted_);
  }
}

template class Ranking<float>;
template class Ranking<double>;

}  // namespace retain::merge
