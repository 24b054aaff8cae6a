// How a new chunk is made to go on from the one that is running: real-time chunking, between two steps of the flow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace retain {

/// What the flow does about the rows of the running chunk that a new one overlaps.
enum class Splice : std::uint8_t {
  none,
  guided,  ///< rtc-guided: pull the flow towards them, firmly on the committed rows and fading after (arXiv 2506.07339)
  prefix,  ///< rtc-prefix: give the committed rows as clean rows, let the flow fill in the rest (arXiv 2512.05964)
};

/// The running chunk as a new request sees it.
struct Continuation {
  Splice splice = Splice::none;
  std::span<const float> left_over{};  ///< Y, [H · A] normalized; after its last row it holds that row, never zeros
  std::size_t committed = 0;           ///< d: rows that will have begun before the answer comes
  std::size_t overlap_end = 0;         ///< e: from this row on the left-over says nothing; d ≤ e ≤ H
  float guidance_limit = 5.0F;         ///< β, the greatest weight of the guidance; for `guided`
};

/// W of real-time chunking: 1 on the d committed rows, then c·expm1(c)/expm1(1) with c = (e − i)/(e − d + 1) up to row
/// e, then 0 (arXiv 2506.07339, eq. 5).
/// @param weights [H], written
void guidance_weights(std::size_t committed, std::size_t overlap_end, std::span<float> weights) noexcept;

/// The weight of the guidance at flow time τ in [0, 1): min(β, (1 − τ)/(τ·r²)) with r² = (1 − τ)²/(τ² + (1 − τ)²); β at
/// τ = 0 (arXiv 2506.07339, eq. 2 and its clipping).
float guidance_strength(float tau, float limit) noexcept;

/// v ← v + strength·W⊙(Y − x̂₁), x̂₁ = x + (1 − τ)·v: the guidance with the Jacobian of x̂₁ taken as the identity.
/// LeRobot's shipped autograd form computes the same; its flow time runs from 1 to 0, and its v is −v here.
/// @param x, left_over [H · A]
/// @param weights [H]
/// @param velocity [H · A], changed
void guide(std::span<const float> x, std::span<const float> left_over, std::span<const float> weights, float tau,
           float limit, std::span<float> velocity) noexcept;

}  // namespace retain
