"""TIES: trim, elect signs, merge what agrees."""

from dataclasses import dataclass

from retain.merge.methods.method import (
    Combination,
    Measured,
    Measures,
    Settings,
    Strength,
    Take,
    base_at_zero,
    weights_of,
)

DENSITY = 0.2
"""The share that the paper keeps."""


@dataclass(frozen=True)
class Ties:
    """θ = θ_base + α·(weighted mean, entry by entry, of the trimmed τ_i that have the elected sign) (arXiv 2306.01708).

    Trimming keeps the k = ⌊density·n⌋ largest |τ| of each tensor (at least one), and all entries as large as the
    smallest of them, as the authors' code does; bf16 task vectors have many equal magnitudes. The elected sign is that
    of Σ w_i·τ_i.
    """

    name: str = "ties"
    summary: str = "trim task vectors to their largest entries, elect signs, average what agrees; arXiv 2306.01708"
    ends: tuple[int, int | None] = (1, None)
    options: frozenset[str] = frozenset({"weights", "density"})
    default_alpha: float | None = None
    measures: Measures = "thresholds"

    def keep(self, settings: Settings, elements: int) -> int:
        """K of n entries."""
        density = DENSITY if settings.density is None else settings.density
        return max(1, int(density * elements))

    def combination(self, settings: Settings, ends: int, measured: Measured) -> Combination:
        """The largest entries, and the mean of those that agree."""
        weights = weights_of(settings, ends, mean=True)
        return Combination(weights, thinning="magnitude", thresholds=measured.thresholds, elect_sign=True)

    def take(self, alpha: float, ends: int) -> Take:
        """The base at 0."""
        return base_at_zero(alpha)

    def strength(self, alpha: float, ends: int, measured: Measured) -> Strength:
        """α times the mean."""
        return Strength(alpha)
