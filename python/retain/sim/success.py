"""When a skill is done, judged from where things are, and from nothing else."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from retain.sim.scene import BLOCK_HALF_M
from retain.sim.skill import DIRECTIONS, PAD, Skill

Vector = npt.NDArray[np.float64]

AXIS_GOAL_M: Final = 0.21
DIAGONAL_GOAL_M: Final = 0.25
"""Distances of the goals from the table's centre: left, right, far, near; and the corners."""

REACH_RADIUS_M: Final = 0.022
REACH_HEIGHT_M: Final = 0.012
LIFT_HEIGHT_M: Final = 0.09
PUSH_M: Final = 0.06
GOAL_RADIUS_M: Final = 0.04
RESTING_M: Final = 0.006
CLEARANCE_M: Final = 0.01


@dataclass(frozen=True)
class Situation:
    """What success depends on; positions in m.

    Attributes:
        cup: Tip of the cup, shape (3,).
        block: Centre of the target block, shape (3,).
        block_start: The same at the start of the episode.
        goal: Where place skills end, shape (2,), else None.
        suction: Whether suction is on.
    """

    cup: Vector
    block: Vector
    block_start: Vector
    goal: Vector | None
    suction: bool


def goal_of(skill: Skill, pad: Vector) -> Vector | None:
    """Where a place skill must put the block, shape (2,) in m; None for the other verbs."""
    if skill.verb != "place" or skill.place is None:
        return None
    if skill.place == PAD:
        return pad
    direction = np.array(DIRECTIONS[skill.place])
    return direction * (DIAGONAL_GOAL_M if " " in skill.place else AXIS_GOAL_M)


def succeeded(skill: Skill, now: Situation) -> bool:
    """Whether the skill is done.

    reach: the cup is on the block's top. lift: the block's centre is 9 cm up. push: the block has moved 6 cm along
    the direction. place: the block rests on the table within 4 cm of the goal, let go, with the cup off it.
    """
    match skill.verb:
        case "reach":
            near = np.linalg.norm(now.block[:2] - now.cup[:2]) < REACH_RADIUS_M
            return bool(near and now.cup[2] < now.block[2] + BLOCK_HALF_M + REACH_HEIGHT_M)
        case "lift":
            return bool(now.block[2] > LIFT_HEIGHT_M)
        case "push":
            assert skill.place is not None
            return bool((now.block[:2] - now.block_start[:2]) @ np.array(DIRECTIONS[skill.place]) > PUSH_M)
        case _:
            assert now.goal is not None
            there = np.linalg.norm(now.block[:2] - now.goal) < GOAL_RADIUS_M
            resting = now.block[2] < BLOCK_HALF_M + RESTING_M
            clear = now.cup[2] > 2 * BLOCK_HALF_M + CLEARANCE_M
            return bool(there and resting and clear and not now.suction)
