// Standard normal noise that is the same on every machine and for every standard library.
#pragma once

#include <cstdint>
#include <span>

namespace retain {

/// Fills `values` with N(0, 1). Counter-based (Philox4x32-10: Salmon et al., "Parallel random numbers: as easy as 1, 2,
/// 3", SC 2011) with Box–Muller: the numbers depend on (seed, stream) alone, so chunk k of a run can be reproduced
/// without drawing those before it. The noise law belongs to the bundle's manifest; N(0, 1) is the one law there is.
void standard_normal(std::uint64_t seed, std::uint64_t stream, std::span<float> values) noexcept;

}  // namespace retain
