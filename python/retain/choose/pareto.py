"""The Pareto front: what cannot be had better in one respect without being worse in another."""

from collections.abc import Sequence

Point = Sequence[float]
"""One number per respect; more is better in each."""


def dominates(one: Point, other: Point) -> bool:
    """Whether `one` is at least as good in every respect and better in at least one."""
    pairs = list(zip(one, other, strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def pareto_front(points: Sequence[Point]) -> list[int]:
    """The indices of the points that no other dominates, in their order. Equal points stand or fall together."""
    return [index for index, point in enumerate(points) if not any(dominates(other, point) for other in points)]
