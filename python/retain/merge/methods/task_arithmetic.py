"""Sums and means of task vectors: task arithmetic and uniform soups."""

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


@dataclass(frozen=True)
class TaskArithmetic:
    """θ = θ_base + α·Σ w_i·τ_i with τ_i = θ_i − θ_base (arXiv 2212.04089). A negative w_i takes a skill away."""

    name: str = "task_arithmetic"
    summary: str = "base + alpha (sum of weighted task vectors); arXiv 2212.04089"
    ends: tuple[int, int | None] = (1, None)
    options: frozenset[str] = frozenset({"weights"})
    default_alpha: float | None = None
    measures: Measures = "nothing"

    def keep(self, settings: Settings, elements: int) -> int:
        """Everything."""
        return elements

    def combination(self, settings: Settings, ends: int, measured: Measured) -> Combination:
        """The weighted sum."""
        return Combination(weights_of(settings, ends))

    def take(self, alpha: float, ends: int) -> Take:
        """The base at 0."""
        return base_at_zero(alpha)

    def strength(self, alpha: float, ends: int, measured: Measured) -> Strength:
        """α times the sum."""
        return Strength(alpha)


@dataclass(frozen=True)
class Soup:
    """θ = θ_base + α·mean τ_i: at α = 1, the default, the mean of the finetuned policies (arXiv 2203.05482)."""

    name: str = "soup"
    summary: str = "the mean of several finetuned policies, drawn to the base by alpha (default 1); arXiv 2203.05482"
    ends: tuple[int, int | None] = (2, None)
    options: frozenset[str] = frozenset()
    default_alpha: float | None = 1.0
    measures: Measures = "nothing"

    def keep(self, settings: Settings, elements: int) -> int:
        """Everything."""
        return elements

    def combination(self, settings: Settings, ends: int, measured: Measured) -> Combination:
        """The mean."""
        return Combination((1.0 / ends,) * ends)

    def take(self, alpha: float, ends: int) -> Take:
        """The base at 0."""
        return base_at_zero(alpha)

    def strength(self, alpha: float, ends: int, measured: Measured) -> Strength:
        """α times the mean."""
        return Strength(alpha)
