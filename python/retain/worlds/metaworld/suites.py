"""Meta-World's suites under this protocol's names: what is in distribution for a skill, and ways of leaving it.

Meta-World draws where things start from a small box per task, and its experts fail outside. So the box is divided:
demonstrations come from one corner of it, the other corners are shifted positions. Fixed before anything was trained.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from retain.errors import SimulationError
from retain.sim.suites import episode_seed
from retain.worlds.metaworld.tasks import MT10, TASKS

Floats = npt.NDArray[np.float64]
Span = tuple[float, float]

NARROW_M: Final = 0.01
"""A coordinate whose official range is narrower than this does not vary, m."""


@dataclass(frozen=True)
class Part:
    """A part of a task's official range of starts.

    Attributes:
        corner: Shares [0, 1] of the range along the first two horizontal axes on which the task varies, x before y.
        stretch: Share of the range where the task varies along one horizontal axis only.
    """

    corner: tuple[Span, Span] = ((0.0, 1.0), (0.0, 1.0))
    stretch: Span = (0.0, 1.0)


EVERYWHERE: Final = Part()
ID_PART: Final = Part(((0.0, 0.4), (0.0, 0.4)), (0.0, 0.3))
"""Where demonstrations are given. In push-v3 a patch of 8 × 4 cm."""

VALIDATION_PART: Final = Part(((0.6, 1.0), (0.0, 0.4)), (0.35, 0.65))
TEST_PARTS: Final = (Part(((0.0, 0.4), (0.6, 1.0)), (0.7, 1.0)), Part(((0.6, 1.0), (0.6, 1.0)), (0.7, 1.0)))
"""The other corners. One axis shifted is for choosing α, the other axis and both together are for testing."""


@dataclass(frozen=True)
class Look:
    """How a scene looks.

    Attributes:
        light: Brightness of all lights, 1 as published.
        table_rgb: Multiplies the table's colour.
        camera_shift_m: Cameras are moved this far in a random direction, m.
    """

    light: float = 1.0
    table_rgb: tuple[float, float, float] = (1.0, 1.0, 1.0)
    camera_shift_m: float = 0.0


DARK: Final = Look(light=0.5, table_rgb=(0.75, 0.85, 1.0), camera_shift_m=0.02)
BRIGHT: Final = Look(light=1.6, table_rgb=(1.0, 0.8, 0.6), camera_shift_m=0.02)


@dataclass(frozen=True)
class MetaworldEpisode:
    """One trial.

    Attributes:
        task: A name of `TASKS`.
        seed: Draws the start inside `part` and the direction in which the cameras move.
        part: Where things start.
        look: How it looks.
        wording: The authors' description, or the paraphrase.
    """

    task: str
    seed: int = 0
    part: Part = EVERYWHERE
    look: Look = Look()
    wording: Literal["described", "paraphrased"] = "described"

    @property
    def instruction(self) -> str:
        """What the policy is told."""
        return TASKS[self.task][self.wording == "paraphrased"]


def _demonstrated(task: str) -> MetaworldEpisode:
    return MetaworldEpisode(task, part=ID_PART)


SUITES: Final[dict[str, Callable[[str], list[MetaworldEpisode]]]] = {
    "id": lambda task: [_demonstrated(task)],
    "ood-val": lambda task: [replace(_demonstrated(task), part=VALIDATION_PART)],
    "ood-position": lambda task: [replace(_demonstrated(task), part=part) for part in TEST_PARTS],
    "ood-appearance": lambda task: [replace(_demonstrated(task), look=look) for look in (DARK, BRIGHT)],
    "wording": lambda task: [replace(_demonstrated(task), wording="paraphrased")],
    "generalist": lambda task: [MetaworldEpisode(other) for other in MT10 if other != task],
}
"""Suite → its cases for a task; episodes go through them in turn."""


def episodes(suite: str, task: str, n: int, seed: int) -> list[MetaworldEpisode]:
    """The first n episodes of a suite.

    Raises:
        SimulationError: There is no such suite.
    """
    if suite not in SUITES:
        raise SimulationError(f"Meta-World has no suite {suite!r}; expected one of {', '.join(SUITES)}")
    return _numbered(SUITES[suite](task), suite, n, seed)


def demonstrations(task: str, n: int, seed: int, first: int = 0) -> list[MetaworldEpisode]:
    """Drawn as those of "id" are, and never the same."""
    return _numbered([_demonstrated(task)], "demonstrations", n, seed, first)


def pretraining(n: int, seed: int, first: int = 0, without: str = "") -> list[MetaworldEpisode]:
    """MT10 without one task, everywhere: what the generalist suite asks for, in other episodes."""
    return _numbered(SUITES["generalist"](without), "pretraining", n, seed, first)


def _numbered(cases: list[MetaworldEpisode], stream: str, n: int, seed: int, first: int = 0) -> list[MetaworldEpisode]:
    return [
        replace(cases[index % len(cases)], seed=episode_seed(f"metaworld {stream}", seed, index))
        for index in range(first, first + n)
    ]


def narrowed(low: Floats, high: Floats, part: Part) -> tuple[Floats, Floats]:
    """A part of a task's official range.

    Args:
        low: The official lower bounds, m, shape (3,) or (6,): a position, and a second one where there is one.
        high: The upper bounds.
        part: Which part.

    Returns:
        New bounds. Axes that the part does not name keep the official ones.
    """
    axes = next(
        varying
        for start in range(0, len(low), 3)
        if (varying := [axis for axis in (start, start + 1) if high[axis] - low[axis] > NARROW_M])
    )
    spans = part.corner if len(axes) == 2 else (part.stretch,)
    low_part, high_part = low.copy(), high.copy()
    for axis, (begin, end) in zip(axes, spans, strict=True):
        width = high[axis] - low[axis]
        low_part[axis], high_part[axis] = low[axis] + begin * width, low[axis] + end * width
    return low_part, high_part
