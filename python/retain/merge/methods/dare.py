"""DARE and DELLA: drop entries of task vectors at random and rescale the rest."""

from dataclasses import dataclass

from retain.errors import MergeError
from retain.merge.methods.method import (
    Combination,
    Measured,
    Measures,
    Settings,
    Strength,
    Take,
    Thinning,
    base_at_zero,
    weights_of,
)

DENSITY = 0.5
SPREAD = 0.1


@dataclass(frozen=True)
class RandomDrop:
    """θ = θ_base + α·join(T(τ_i)), where T keeps an entry with probability q and divides it by q.

    DARE (arXiv 2311.03099): q is the density (1 − p in the paper). DELLA (arXiv 2406.11617): q rises with the rank of
    |τ| within its row, from density − spread to density + spread. Joined by the weighted sum ("linear") or as in TIES.
    The draw depends on the seed, the tensor's name and the entry's place alone, not on threads, shards or neighbours.
    """

    name: str
    summary: str
    thinning: Thinning
    elect_sign: bool
    options: frozenset[str]
    ends: tuple[int, int | None] = (1, None)
    default_alpha: float | None = None
    measures: Measures = "nothing"

    def keep(self, settings: Settings, elements: int) -> int:
        """Everything that the draw leaves."""
        return elements

    def combination(self, settings: Settings, ends: int, measured: Measured) -> Combination:
        """The sum, or the mean of what agrees, of thinned task vectors.

        Raises:
            MergeError: Density and spread make probabilities outside (0, 1].
        """
        density = DENSITY if settings.density is None else settings.density
        spread = 0.0
        if self.thinning == "ranked":
            spread = SPREAD if settings.spread is None else settings.spread
            if not (density - spread > 0.0 and density + spread <= 1.0):
                raise MergeError(
                    f"density {density:g} with spread {spread:g} gives keep-probabilities from {density - spread:g} to "
                    f"{density + spread:g}; they must lie in (0, 1], choose a smaller spread"
                )
        weights = weights_of(settings, ends, mean=self.elect_sign)
        return Combination(weights, self.thinning, density=density, spread=spread, elect_sign=self.elect_sign)

    def take(self, alpha: float, ends: int) -> Take:
        """The base at 0."""
        return base_at_zero(alpha)

    def strength(self, alpha: float, ends: int, measured: Measured) -> Strength:
        """α times the combination."""
        return Strength(alpha)


_DARE = frozenset({"weights", "density", "seed"})
_DELLA = _DARE | {"spread"}

DARE_LINEAR = RandomDrop(
    "dare_linear", "drop entries of task vectors at random, add the rest; arXiv 2311.03099", "random", False, _DARE
)
DARE_TIES = RandomDrop(
    "dare_ties", "drop entries of task vectors at random, average what agrees in sign", "random", True, _DARE
)
DELLA_LINEAR = RandomDrop(
    "della_linear",
    "drop small entries more often than large ones, add the rest",
    "ranked",
    False,
    _DELLA,
)
DELLA = RandomDrop(
    "della", "drop small entries more often than large ones, average what agrees in sign; arXiv 2406.11617",
    "ranked", True, _DELLA,
)  # fmt: skip
