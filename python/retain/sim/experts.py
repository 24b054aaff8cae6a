"""Scripted experts: each decision depends on the current state alone, so they recover from anything.

They think in positions of the cup (one straight move of a few centimetres at a time); `kinematics` turns a position
into joint targets.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from retain.sim.arm import LIMITS
from retain.sim.layout import BEHIND_M
from retain.sim.scene import BLOCK_HALF_M
from retain.sim.skill import DIRECTIONS
from retain.sim.tabletop import DT_S, Tabletop

Vector = npt.NDArray[np.float64]

STEP_M: Final = 0.045
"""The longest move of the cup along any axis in one control step."""

_TOP_GAP_M: Final = 0.003
_CARRY_M: Final = 0.13
_REST_M: Final = 0.002
_WORKSPACE_M: Final = ((-0.29, -0.29, 0.006), (0.29, 0.29, 0.22))
_PUSH_EXTENT_M: Final = 0.25
_VELOCITY_SHARE: Final = 0.95


@dataclass(frozen=True)
class CupCommand:
    """Where the cup goes next, shape (3,) in m, and whether it sucks."""

    position: Vector
    suction: bool


def expert_action(sim: Tabletop) -> npt.NDArray[np.float32]:
    """The expert's action row for the current state: joint targets in rad, then suction, shape (7,)."""
    return joint_action(sim, expert_command(sim))


def joint_action(sim: Tabletop, command: CupCommand) -> npt.NDArray[np.float32]:
    """The action row that brings the cup to a point, slowed down where a joint would exceed its velocity limit."""
    joints = sim.kinematics.solve(command.position, sim.joints)
    change = joints - sim.command
    excess = float(np.max(np.abs(change) / (LIMITS.velocity * DT_S * _VELOCITY_SHARE)))
    if excess > 1.0:
        joints = sim.command + change / excess
    return np.array([*joints, float(command.suction)], np.float32)


def expert_command(sim: Tabletop) -> CupCommand:
    """What the expert does next, at most `STEP_M` along each axis from where the cup is."""
    cup, block = sim.cup, sim.block
    if sim.skill.verb == "push":
        target, suction = _push(cup, block, np.array(DIRECTIONS[sim.skill.place or ""])), False
    elif sim.holding:
        target, suction = _carry(cup, block, sim.goal)
    elif sim.goal is not None and _delivered(block, sim.goal):
        target, suction = _at(cup, _CARRY_M), False
    else:
        target, suction = _approach(cup, block, grip=sim.skill.verb != "reach")
    target = np.clip(target, *_WORKSPACE_M)
    move = target - cup
    longest = float(np.abs(move).max())
    return CupCommand(cup + move * min(1.0, STEP_M / max(longest, 1e-9)), suction)


def _at(cup: Vector, height: float) -> Vector:
    return np.array([cup[0], cup[1], height])


def _over(point: Vector, height: float) -> Vector:
    return np.array([point[0], point[1], height])


def _approach(cup: Vector, block: Vector, *, grip: bool) -> tuple[Vector, bool]:
    """Go above the block, then down onto its top."""
    distance, top = float(np.linalg.norm(block[:2] - cup[:2])), block[2] + BLOCK_HALF_M
    if distance > 0.03:
        high_enough = cup[2] > top + 0.02 or distance > 0.06
        return (_over(block, top + 0.05) if high_enough else _at(cup, top + 0.06)), False
    return _over(block, top + _TOP_GAP_M), bool(grip and distance < 0.015 and cup[2] < top + 0.012)


def _carry(cup: Vector, block: Vector, goal: Vector | None) -> tuple[Vector, bool]:
    """Lift; with a goal, go there, set the block down and let go."""
    if goal is None:
        return _at(cup, 0.20), True
    if np.linalg.norm(goal - block[:2]) > 0.015:
        over_goal = _over(goal + cup[:2] - block[:2], _CARRY_M)
        return (over_goal if cup[2] > 0.09 else _at(cup, _CARRY_M + 0.01)), True
    gap = block[2] - BLOCK_HALF_M
    if gap > _REST_M + 0.001:
        return _at(cup, cup[2] - gap + _REST_M), True
    return _at(cup, _CARRY_M), False


def _delivered(block: Vector, goal: Vector) -> bool:
    return bool(np.linalg.norm(block[:2] - goal) < 0.035 and block[2] < BLOCK_HALF_M + 0.01)


def _push(cup: Vector, block: Vector, direction: Vector) -> Vector:
    """Come down behind the block, then move through it along the direction."""
    behind = block[:2] - direction * BEHIND_M
    along = float((cup[:2] - block[:2]) @ direction)
    across = float(np.linalg.norm(cup[:2] - block[:2] - along * direction))
    if along < -0.03 and across < 0.025:
        if cup[2] < 0.03:
            return _over(np.clip(block[:2] + direction * 0.03, -_PUSH_EXTENT_M, _PUSH_EXTENT_M), 0.012)
        return _over(behind, 0.01)
    if cup[2] > 0.065:
        return _over(behind, 0.085 if np.linalg.norm(cup[:2] - behind) > 0.02 else 0.01)
    return _at(cup, 0.10)
