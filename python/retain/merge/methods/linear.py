"""Linear interpolation, RETAIN's equations 2 and 3."""

from dataclasses import dataclass

from retain.merge.methods.method import Combination, Measured, Measures, Settings, Strength, Take, ends_at_zero_and_one


@dataclass(frozen=True)
class Linear:
    """θ = θ_base + α·(θ_finetuned − θ_base), with α by component (arXiv 2512.08333, eq. 2 and 3; WiSE-FT 2109.01903).

    At α = 0 and 1 the tensors of that end are taken, bit for bit.
    """

    name: str = "linear"
    summary: str = "base + alpha (finetuned - base); RETAIN, arXiv 2512.08333"
    ends: tuple[int, int | None] = (1, 1)
    options: frozenset[str] = frozenset()
    default_alpha: float | None = None
    measures: Measures = "nothing"

    def keep(self, settings: Settings, elements: int) -> int:
        """Everything."""
        return elements

    def combination(self, settings: Settings, ends: int, measured: Measured) -> Combination:
        """The task vector as it is."""
        return Combination((1.0,))

    def take(self, alpha: float, ends: int) -> Take:
        """An end at 0 and 1."""
        return ends_at_zero_and_one(alpha)

    def strength(self, alpha: float, ends: int, measured: Measured) -> Strength:
        """Interpolate, or extrapolate."""
        return Strength(alpha)
