// Updates that come in factors, ΔW = scale·B·A, multiplied block by block: A is kept, rows of B pass by.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <tuple>
#include <vector>

#include "merge/input.hpp"
#include "merge/kernel.hpp"
#include "merge/work_item.hpp"

namespace retain::merge {

/// The factor A in panels of kPanelColumns columns, each [rank, kPanelColumns] and the last filled up with zeros.
/// Float, which holds all types exactly but float64.
struct Panels {
  std::vector<float> single;
  std::vector<double> wide;
};

/// The panels that threads are working with: each factor is read once and shared, and dropped with its last user.
class PanelStore {
 public:
  PanelStore(std::span<const OpenInput> inputs, const KernelTable& kernels) : inputs_(inputs), kernels_(kernels) {}

  std::shared_ptr<const Panels> get(const LowRank& factors);

 private:
  std::shared_ptr<const Panels> load(const LowRank& factors) const;

  using Key = std::tuple<std::size_t, std::uint64_t, DType, std::uint64_t, std::uint64_t>;
  std::span<const OpenInput> inputs_;
  const KernelTable& kernels_;
  std::mutex mutex_;
  std::map<Key, std::weak_ptr<const Panels>> panels_;
};

/// Multiplies factors, in the memory of a few rows of B.
template <class Real>
class Multiplication {
 public:
  Multiplication(std::span<const OpenInput> inputs, const BlockTable<Real>& blocks);

  /// update = elements [first, first + count) of ΔW, row-major. Rows of B are read ahead up to the one of element
  /// end − 1.
  void run(const LowRank& factors, const Panels& panels, std::uint64_t first, std::size_t count, std::uint64_t end,
           Real* update);

  /// Forgets the rows of B it has read: what is multiplied next may be another tensor.
  void forget() { rows_ = 0; }

 private:
  const Real* row_of_b(const LowRank& factors, std::uint64_t row, std::uint64_t last_row);

  std::span<const OpenInput> inputs_;
  const BlockTable<Real>& blocks_;
  std::vector<std::byte> stored_;
  std::vector<Real> b_;  // rows [first_row_, first_row_ + rows_) of B
  std::uint64_t first_row_ = 0;
  std::uint64_t rows_ = 0;
};

extern template class Multiplication<float>;
extern template class Multiplication<double>;

}  // namespace retain::merge
