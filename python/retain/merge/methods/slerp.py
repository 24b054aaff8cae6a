"""Spherical interpolation, tensor by tensor."""

import math
from dataclasses import dataclass

from retain.merge.methods.method import (
    Combination,
    Measured,
    Measures,
    Settings,
    Strength,
    Take,
    base_at_zero,
    ends_at_zero_and_one,
)

PARALLEL = 0.9995
"""Above this |cos| an arc is a line; the threshold of the public implementations."""


@dataclass(frozen=True)
class Slerp:
    """An arc instead of a line, where it bends.

    One finetuned policy: from θ_base (α = 0) to θ_finetuned (α = 1) as
    slerp(a, b; t) = (sin((1−t)Ω)·a + sin(tΩ)·b)/sin Ω, with Ω the angle between the two tensors. Ordinary finetuning
    leaves cos Ω above .9995, where this is linear interpolation. Two policies: the same between their task vectors,
    t = w_2/(w_1 + w_2), and α times the result is added to the base.
    """

    name: str = "slerp"
    summary: str = "an arc from base to finetuned, or (two policies) between their task vectors"
    ends: tuple[int, int | None] = (1, 2)
    options: frozenset[str] = frozenset({"weights"})
    default_alpha: float | None = None
    measures: Measures = "products"

    def keep(self, settings: Settings, elements: int) -> int:
        """Everything."""
        return elements

    def combination(self, settings: Settings, ends: int, measured: Measured) -> Combination:
        """One task vector as it is, or two on the arc between them."""
        if ends == 1:
            return Combination((1.0,))
        first, second = settings.weights or (1.0, 1.0)
        t = second / (first + second) if first + second else 0.5
        (one, cross), (_, two) = measured.products
        return Combination(arc(t, cosine(cross, one, two)))

    def take(self, alpha: float, ends: int) -> Take:
        """An end of the arc from base to finetuned, or the base."""
        return ends_at_zero_and_one(alpha) if ends == 1 else base_at_zero(alpha)

    def strength(self, alpha: float, ends: int, measured: Measured) -> Strength:
        """How far along the arc, or how much of the combination."""
        if ends == 2:
            return Strength(alpha)
        base, cross, update = measured.base_base, measured.base_update[0], measured.products[0][0]
        of_base, of_finetuned = arc(alpha, cosine(base + cross, base, base + 2 * cross + update))
        return Strength(of_finetuned, of_base + of_finetuned - 1.0)


def cosine(product: float, first_square: float, second_square: float) -> float:
    """Cos of the angle between two vectors; 1 where one has no direction."""
    if not (first_square > 0.0 and second_square > 0.0):
        return 1.0
    value = product / (math.sqrt(first_square) * math.sqrt(second_square))
    return max(-1.0, min(1.0, value)) if math.isfinite(value) else 1.0


def arc(t: float, cos: float) -> tuple[float, float]:
    """The factors of both ends at t; those of the straight line where the ends are parallel."""
    if abs(cos) > PARALLEL:
        return 1.0 - t, t
    angle = math.acos(cos)
    return math.sin((1.0 - t) * angle) / math.sin(angle), math.sin(t * angle) / math.sin(angle)
