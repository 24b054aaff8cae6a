"""Model Stock: the task vectors' own angles say how far to go."""

from dataclasses import dataclass

from retain.merge.methods.method import Combination, Measured, Measures, Settings, Strength, Take, base_at_zero
from retain.merge.methods.slerp import cosine


@dataclass(frozen=True)
class ModelStock:
    """θ = θ_base + α·t·mean τ_i, per tensor t = N·cos φ / (1 + (N−1)·cos φ) (arXiv 2403.19522, eq. 5).

    cos φ is the mean cosine between two of the N ≥ 2 finetuned policies' task vectors: what they agree on is kept, so
    several runs on one task choose their own α. α (default 1) scales it; where the task vectors point apart, t is 0.
    """

    name: str = "model_stock"
    summary: str = "the mean of several runs, drawn to the base as far as they disagree; arXiv 2403.19522"
    ends: tuple[int, int | None] = (2, None)
    options: frozenset[str] = frozenset()
    default_alpha: float | None = 1.0
    measures: Measures = "products"

    def keep(self, settings: Settings, elements: int) -> int:
        """Everything."""
        return elements

    def combination(self, settings: Settings, ends: int, measured: Measured) -> Combination:
        """The mean, times the tensor's own t."""
        return Combination((ratio(measured.products) / ends,) * ends)

    def take(self, alpha: float, ends: int) -> Take:
        """The base at 0."""
        return base_at_zero(alpha)

    def strength(self, alpha: float, ends: int, measured: Measured) -> Strength:
        """α times the combination."""
        return Strength(alpha)


def ratio(products: tuple[tuple[float, ...], ...]) -> float:
    """T of a tensor from Σ τ_i·τ_j; 0 where a task vector is zero or they point apart."""
    ends = len(products)
    pairs = [(i, j) for i in range(ends) for j in range(i + 1, ends)]
    if any(products[i][i] <= 0.0 for i in range(ends)):
        return 0.0
    mean = sum(cosine(products[i][j], products[i][i], products[j][j]) for i, j in pairs) / len(pairs)
    return max(0.0, ends * mean / (1.0 + (ends - 1) * mean)) if mean > 0.0 else 0.0
