"""Where things start: target, other blocks and pad, drawn at random so that the skill can be done."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from retain.errors import SimulationError
from retain.sim.skill import DIRECTIONS, Skill
from retain.sim.success import goal_of
from retain.sim.variation import EVERYWHERE, USUAL_OTHERS, Region, Variation

Vector = npt.NDArray[np.float64]

SPACING_M: Final = 0.10
"""Between the centres of any two of: blocks, pad."""

BEHIND_M: Final = 0.062
"""How far behind a block's centre the cup comes down to push it."""

_TRIES: Final = 2000


@dataclass(frozen=True)
class Layout:
    """Positions on the table, m.

    Attributes:
        blocks: Centres, the target first, shape (n, 2).
        yaw: Of each block, rad, shape (n,).
        pad: Centre of the pad, shape (2,).
    """

    blocks: Vector
    yaw: Vector
    pad: Vector


def draw_layout(skill: Skill, variation: Variation, rng: np.random.Generator) -> Layout:
    """Draw a layout in which nothing stands in the skill's way.

    Other blocks keep away from the goal of a place skill, and from where a push starts and ends; the target of a place
    skill does not start at its goal.

    Raises:
        SimulationError: The regions leave no room.
    """
    count = 1 + USUAL_OTHERS + variation.distractors
    for _ in range(_TRIES):
        target = _point(variation.region, rng)
        pad = _point(variation.pad_region, rng)
        keep_out = _keep_out(skill, target, pad)
        if np.linalg.norm(target - pad) < SPACING_M or not _starts_away(skill, target, pad):
            continue
        placed = [target, pad]
        for _ in range(40 * count):
            if len(placed) == count + 1:
                break
            point = _point(None, rng)
            if min(float(np.linalg.norm(point - other)) for other in (*placed, *keep_out)) > SPACING_M:
                placed.append(point)
        if len(placed) == count + 1:
            return Layout(np.array([target, *placed[2:]]), rng.uniform(-0.4, 0.4, count), pad)
    raise SimulationError(
        f"found no room for {count} blocks and the pad with region {variation.region} and pad_region"
        f" {variation.pad_region} in {_TRIES} tries; widen the regions or ask for fewer distractors"
    )


def _point(region: Region | None, rng: np.random.Generator) -> Vector:
    x0, x1, y0, y1 = region or EVERYWHERE
    return np.array([rng.uniform(x0, x1), rng.uniform(y0, y1)])


def _keep_out(skill: Skill, target: Vector, pad: Vector) -> list[Vector]:
    if skill.verb == "push":
        assert skill.place is not None
        direction = np.array(DIRECTIONS[skill.place])
        return [target - BEHIND_M * direction, target + SPACING_M * direction]
    goal = goal_of(skill, pad)
    return [] if goal is None or goal is pad else [goal]


def _starts_away(skill: Skill, target: Vector, pad: Vector) -> bool:
    goal = goal_of(skill, pad)
    return goal is None or float(np.linalg.norm(target - goal)) > SPACING_M
