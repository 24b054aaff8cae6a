"""Which α to try when they are laid out beforehand."""

from collections.abc import Sequence
from itertools import product

from retain.evaluate.interpolate import COMPONENTS, Alpha

LINE = tuple(step / 10 for step in range(11))
"""Levels of one α for all weights."""

CORNERS_AND_MIDDLE = (0.0, 0.5, 1.0)
"""Levels of each component's α."""


def line(levels: Sequence[float] = LINE) -> list[Alpha]:
    """One α for all weights."""
    return list(levels)


def component_grid(levels: Sequence[float] = CORNERS_AND_MIDDLE) -> list[Alpha]:
    """Every combination of levels over the components: len(levels)³ candidates."""
    return [dict(zip(COMPONENTS, chosen, strict=True)) for chosen in product(levels, repeat=len(COMPONENTS))]


def by_component(levels: Sequence[float] = CORNERS_AND_MIDDLE) -> list[Alpha]:
    """One component at each level while the others are the finetuned policy's, and each component finetuned alone."""
    varied = [dict.fromkeys(COMPONENTS, 1.0) | {name: level} for name in COMPONENTS for level in levels if level < 1]
    alone = [{name: 1.0} for name in COMPONENTS]
    return [*varied, *alone]
