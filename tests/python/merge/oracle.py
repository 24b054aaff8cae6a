"""Every merge method once more, plainly: numpy, fp64, a function a method, written from the papers.

It shares nothing with `retain.merge` or the core, so that an error must be made twice to stay unseen. Arrays have any
shape, all ends the same one; fp64 holds every bf16, f16 and fp32 weight and nearly every difference of two exactly.
p is the base, f_i a finetuned policy, τ_i = f_i − p its task vector, α how much of the result is added to the base.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .oracle_numbers import words

Array = npt.NDArray[np.float64]

PARALLEL = 0.9995
"""|cos| above which an arc is a line in the public implementations of SLERP."""


def linear(p: Array, f: Array, alpha: float) -> Array:
    """θ = (1−α)·p + α·f: WiSE-FT (arXiv 2109.01903), RETAIN (arXiv 2512.08333, eq. 2 and 3)."""
    return (1.0 - alpha) * p + alpha * f


def task_vectors(p: Array, ends: Sequence[Array]) -> list[Array]:
    """τ_i = f_i − p (arXiv 2212.04089)."""
    return [f - p for f in ends]


def task_arithmetic(p: Array, ends: Sequence[Array], weights: Sequence[float], alpha: float) -> Array:
    """θ = p + α·Σ w_i·τ_i (arXiv 2212.04089; a negative w_i takes a task away)."""
    return p + alpha * _weighted_sum(task_vectors(p, ends), weights)


def soup(p: Array, ends: Sequence[Array], alpha: float = 1.0) -> Array:
    """θ = p + α·(1/N)·Σ τ_i; with α = 1 the mean of the finetuned policies (arXiv 2203.05482, "uniform soup")."""
    mean = sum(ends, np.zeros_like(p)) / len(ends)
    return linear(p, mean, alpha)


def ties(p: Array, ends: Sequence[Array], weights: Sequence[float], alpha: float, density: float) -> Array:
    """Trim, elect, merge disjointly, scale (arXiv 2306.01708, algorithm 1).

    τ̂_i: of each tensor the k = max(1, ⌊density·n⌋) largest |τ_i| and whatever is as large as the smallest of these;
    γ = sgn(Σ w_i·τ̂_i), entry by entry; θ = p + α·Σ_A w_i·τ̂_i / Σ_A w_i over A = {i: sgn(τ̂_i) = γ}.
    """
    return p + alpha * elected_mean([trimmed(tau, density) for tau in task_vectors(p, ends)], weights)


def dare_linear(
    p: Array, ends: Sequence[Array], weights: Sequence[float], alpha: float, density: float, key: int
) -> Array:
    """θ = p + α·Σ w_i·τ̃_i with τ̃_i = m_i ⊙ τ_i/(1−drop), m_i ~ Bernoulli(1−drop) (arXiv 2311.03099).

    density = 1−drop; the draw is the counter-based one of `random_mask`.
    """
    return p + alpha * _weighted_sum(_dared(task_vectors(p, ends), density, key), weights)


def dare_ties(
    p: Array, ends: Sequence[Array], weights: Sequence[float], alpha: float, density: float, key: int
) -> Array:
    """DARE's drop and rescale in place of TIES's trimming, then elect and merge disjointly (arXiv 2311.03099)."""
    return p + alpha * elected_mean(_dared(task_vectors(p, ends), density, key), weights)


def della_linear(
    p: Array, ends: Sequence[Array], weights: Sequence[float], alpha: float, density: float, spread: float, key: int
) -> Array:
    """MagPrune, then the weighted sum (arXiv 2406.11617, without "elect")."""
    return p + alpha * _weighted_sum(_magpruned(task_vectors(p, ends), density, spread, key), weights)


def della(
    p: Array, ends: Sequence[Array], weights: Sequence[float], alpha: float, density: float, spread: float, key: int
) -> Array:
    """MagPrune, elect, fuse: θ = p + α·Σ_A w_i·τ̃_i / Σ_A w_i (arXiv 2406.11617)."""
    return p + alpha * elected_mean(_magpruned(task_vectors(p, ends), density, spread, key), weights)


def slerp(p: Array, f: Array, alpha: float) -> Array:
    """θ = sin((1−α)Ω)/sin Ω·p + sin(αΩ)/sin Ω·f with cos Ω = ⟨p, f⟩/(‖p‖‖f‖) (Shoemake 1985, "Animating rotation").

    The whole tensor is one vector; linear where |cos Ω| > .9995.
    """
    return arc(p, f, alpha)


def slerp_updates(p: Array, ends: Sequence[Array], weights: Sequence[float], alpha: float) -> Array:
    """θ = p + α·slerp(τ_1, τ_2; t), t = w_2/(w_1 + w_2): RETAIN's code and mergekit's `nuslerp` on task vectors."""
    first, second = task_vectors(p, ends)
    return p + alpha * arc(first, second, weights[1] / (weights[0] + weights[1]))


def model_stock(p: Array, ends: Sequence[Array], alpha: float = 1.0) -> Array:
    """θ = p + α·t·(mean f − p), t = N·cos φ/(1 + (N−1)·cos φ) (arXiv 2403.19522), per tensor.

    cos φ is the mean cosine between the task vectors of two finetuned policies; t = 0 where it is not positive, or
    where a task vector is zero and has no direction.
    """
    taus = task_vectors(p, ends)
    count = len(taus)
    if any(not tau.any() for tau in taus):
        return p.copy()
    mean_cos = float(np.mean([cosine(taus[i], taus[j]) for i in range(count) for j in range(i + 1, count)]))
    t = count * mean_cos / (1.0 + (count - 1) * mean_cos) if mean_cos > 0.0 else 0.0
    return p + alpha * t * (sum(taus, np.zeros_like(p)) / count)


def lines_factor(layer: int, layers: int, first: float, last: float) -> float:
    """λ(ℓ) = first + (last − first)·ℓ/(L−1), ℓ = 0 … L−1, scales the task vector of layer ℓ (arXiv 2410.17146)."""
    return first + (last - first) * layer / (layers - 1) if layers > 1 else last


def low_rank_update(a: Array, b: Array, scale: float) -> Array:
    """ΔW = s·B·A, s = lora_alpha/r (arXiv 2106.09685). a: (rank, columns), b: (rows, rank)."""
    return scale * (b @ a)


def trimmed(tau: Array, density: float) -> Array:
    """The k = max(1, ⌊density·n⌋) largest |τ|, entries as large as the k-th included; 0 elsewhere."""
    if tau.size == 0:
        return tau.copy()
    keep = max(1, int(density * tau.size))
    threshold = np.sort(np.abs(tau), axis=None)[-keep]
    return np.where(np.abs(tau) >= threshold, tau, 0.0)


def elected_mean(thinned: Sequence[Array], weights: Sequence[float]) -> Array:
    """Σ_A w_i·t_i / Σ_A w_i, A = {i: sgn(w_i·t_i) = sgn(Σ_j w_j·t_j)}; 0 where the sum is 0 (arXiv 2306.01708)."""
    weighted = np.stack([weight * t for weight, t in zip(weights, thinned, strict=True)])
    elected = np.sign(weighted.sum(axis=0))
    agree = (np.sign(weighted) == elected) & (elected != 0)
    mass = np.tensordot(np.asarray(weights, np.float64), agree.astype(np.float64), axes=1)
    total: Array = np.where(agree, weighted, 0.0).sum(axis=0)
    return total / np.where(mass == 0, 1.0, mass)


def cosine(a: Array, b: Array) -> float:
    """⟨a, b⟩/(‖a‖‖b‖), in [−1, 1]."""
    return float(np.clip(np.vdot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)), -1.0, 1.0))


def arc(a: Array, b: Array, t: float) -> Array:
    """From a (t = 0) to b (t = 1) along the great circle, or the line where they are nearly parallel or one is zero."""
    cos = cosine(a, b) if a.any() and b.any() else 1.0
    if abs(cos) > PARALLEL:
        return (1.0 - t) * a + t * b
    angle = math.acos(cos)
    return (math.sin((1.0 - t) * angle) * a + math.sin(t * angle) * b) / math.sin(angle)


def random_mask(shape: tuple[int, ...], density: float, key: int, source: int) -> npt.NDArray[np.bool_]:
    """DARE's draw for finetuned end number `source`: keep where word < ⌊density·2³²⌋, stream 1 + source."""
    drawn = words(math.prod(shape), key, 1 + source)
    return (drawn < math.floor(density * 2.0**32)).reshape(shape)


def keep_probability(tau: Array, density: float, spread: float) -> Array:
    """DELLA's MagPrune: in each row, entry of rank r (0: the smallest |τ|, equal ones by place) is kept with
    q_r = density − spread + 2·spread·r/(n−1) (arXiv 2406.11617, with its ε = 2·spread and p = 1 − q).

    A row is the last axis; a vector is one row; a row of one entry has q = density.
    """
    length = tau.shape[-1] if tau.ndim > 0 else 1
    if tau.size == 0 or length == 1:
        return np.full(tau.shape, density)
    rows = np.abs(tau).reshape(-1, length)
    rank = np.argsort(np.argsort(rows, axis=1, kind="stable"), axis=1, kind="stable")
    return (density - spread + 2.0 * spread * rank / (length - 1)).reshape(tau.shape)


def _weighted_sum(taus: Sequence[Array], weights: Sequence[float]) -> Array:
    return sum((weight * tau for weight, tau in zip(weights, taus, strict=True)), np.zeros_like(taus[0]))


def _dared(taus: Sequence[Array], density: float, key: int) -> list[Array]:
    return [np.where(random_mask(tau.shape, density, key, i), tau / density, 0.0) for i, tau in enumerate(taus)]


def _magpruned(taus: Sequence[Array], density: float, spread: float, key: int) -> list[Array]:
    pruned = []
    for i, tau in enumerate(taus):
        q = keep_probability(tau, density, spread)
        kept = words(tau.size, key, 1 + i).reshape(tau.shape) < np.floor(q * 2.0**32)
        pruned.append(np.where(kept, tau / q, 0.0))
    return pruned
