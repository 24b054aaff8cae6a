#include "merge/low_rank.hpp"

#include <algorithm>

#include "merge/dtype.hpp"

namespace retain::merge {
namespace {

constexpr std::size_t kStageBytes = 64 * 1024;

std::size_t index_of(DType dtype) { return static_cast<std::size_t>(dtype); }

std::size_t whole_blocks(std::size_t elements) {
  return (elements + kBlockElements - 1) / kBlockElements * kBlockElements;
}

/// Reads `count` stored values from `offset` into values, which has room for whole blocks.
template <class Real>
void read_values(const OpenInput& input, std::uint64_t offset, DType stored, std::size_t count,
                 const BlockTable<Real>& blocks, std::vector<std::byte>& stage, Real* values) {
  const std::size_t size = size_of(stored);
  stage.resize(std::max(stage.size(), whole_blocks(count) * size));
  input.read_at(std::span(stage).first(count * size), offset);
  for (std::size_t begin = 0; begin < count; begin += kBlockElements) {
    blocks.widen[index_of(stored)](stage.data() + begin * size, values + begin);
  }
}

template <class Real>
void fill_panels(const OpenInput& input, const LowRank& factors, const BlockTable<Real>& blocks,
                 std::vector<Real>& panels) {
  const auto rank = static_cast<std::size_t>(factors.rank);
  const auto columns = static_cast<std::size_t>(factors.columns);
  panels.assign((columns + kPanelColumns - 1) / kPanelColumns * kPanelColumns * rank, Real{0});
  const std::size_t step = kStageBytes / sizeof(Real);
  std::vector<std::byte> stage;
  std::vector<Real> values(whole_blocks(std::min(step, columns)));
  for (std::size_t k = 0; k < rank; ++k) {
    for (std::size_t column = 0; column < columns; column += step) {
      const std::size_t count = std::min(step, columns - column);
      const std::uint64_t element = k * factors.columns + column;
      read_values(input, factors.a.offset + element * size_of(factors.stored), factors.stored, count, blocks, stage,
                  values.data());
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t at = column + i;
        panels[(at / kPanelColumns * rank + k) * kPanelColumns + at % kPanelColumns] = values[i];
      }
    }
  }
}

}  // namespace

std::shared_ptr<const Panels> PanelStore::get(const LowRank& factors) {
  const Key key{factors.a.file, factors.a.offset, factors.stored, factors.rank, factors.columns};
  const std::lock_guard lock(mutex_);
  if (const auto found = panels_.find(key); found != panels_.end()) {
    if (std::shared_ptr<const Panels> panels = found->second.lock()) return panels;
  }
  std::erase_if(panels_, [](const auto& entry) { return entry.second.expired(); });
  std::shared_ptr<const Panels> panels = load(factors);
  panels_[key] = panels;
  return panels;
}

std::shared_ptr<const Panels> PanelStore::load(const LowRank& factors) const {
  auto panels = std::make_shared<Panels>();
  const OpenInput& input = inputs_[factors.a.file];
  if (factors.stored == DType::kF64) {
    fill_panels(input, factors, kernels_.double_blocks, panels->wide);
  } else {
    fill_panels(input, factors, kernels_.single_blocks, panels->single);
  }
  return panels;
}

template <class Real>
Multiplication<Real>::Multiplication(std::span<const OpenInput> inputs, const BlockTable<Real>& blocks)
    : inputs_(inputs), blocks_(blocks) {}

template <class Real>
void Multiplication<Real>::run(const LowRank& factors, const Panels& panels, std::uint64_t first, std::size_t count,
                               std::uint64_t end, Real* update) {
  const auto rank = static_cast<std::size_t>(factors.rank);
  const auto scale = static_cast<Real>(factors.scale);
  const std::uint64_t last_row = (end - 1) / factors.columns;
  Real product[kPanelColumns];
  for (std::size_t done = 0; done < count;) {
    const std::uint64_t row = (first + done) / factors.columns;
    const std::uint64_t column = (first + done) % factors.columns;
    const auto panel = static_cast<std::size_t>(column / kPanelColumns) * rank * kPanelColumns;
    const auto skipped = static_cast<std::size_t>(column % kPanelColumns);
    const std::uint64_t in_row = std::min<std::uint64_t>(factors.columns - column, kPanelColumns - skipped);
    const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(in_row, count - done));
    const Real* b = row_of_b(factors, row, last_row);
    if (factors.stored == DType::kF64) {
      blocks_.multiply_wide_panel(panels.wide.data() + panel, b, rank, scale, product);
    } else {
      blocks_.multiply_panel(panels.single.data() + panel, b, rank, scale, product);
    }
    std::copy_n(product + skipped, taken, update + done);
    done += taken;
  }
}

/// A window of rows, as many as fit a stage and at least one, so that B is read in few calls.
template <class Real>
const Real* Multiplication<Real>::row_of_b(const LowRank& factors, std::uint64_t row, std::uint64_t last_row) {
  const auto rank = static_cast<std::size_t>(factors.rank);
  if (row < first_row_ || row - first_row_ >= rows_) {
    const std::uint64_t fitting = std::max<std::uint64_t>(kStageBytes / sizeof(Real) / rank, 1);
    const std::uint64_t rows = std::min(fitting, last_row - row + 1);
    const std::size_t count = static_cast<std::size_t>(rows) * rank;
    b_.resize(std::max(b_.size(), whole_blocks(count)));
    read_values(inputs_[factors.b.file], factors.b.offset + row * rank * size_of(factors.stored), factors.stored, count,
                blocks_, stored_, b_.data());
    first_row_ = row;
    rows_ = rows;
  }
  return b_.data() + static_cast<std::size_t>(row - first_row_) * rank;
}

template class Multiplication<float>;
template class Multiplication<double>;

}  // namespace retain::merge
