"""What `ruckig` (https://github.com/pantor/ruckig), a time-optimal generator, makes of one joint's motion."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from retain._core.runtime import ChannelLimits, Interpolation, Limiter

ruckig: Any = pytest.importorskip("ruckig", reason="ruckig is not installed (pip install 'ruckig>=0.19')")

FAR = 1e4
"""Bounds and targets that no joint of these tests reaches, rad."""

Values = npt.NDArray[np.float64]
State = tuple[float, float, float]
"""Position (rad), velocity (rad/s), acceleration (rad/s²)."""


@dataclass(frozen=True)
class Joints:
    """Random joints under one tick; one entry per joint. Velocity rad/s, acceleration rad/s², jerk rad/s³."""

    velocity: Values
    acceleration: Values
    jerk: Values
    period_s: float

    @property
    def count(self) -> int:
        return len(self.velocity)

    def limiter(self) -> Limiter:
        """At rest in 0, its bounds out of the way."""
        limits = zip(self.velocity, self.acceleration, self.jerk, strict=True)
        limiter = Limiter(
            [ChannelLimits(f"j{i}", Interpolation.linear, -FAR, FAR, *values) for i, values in enumerate(limits)],
            self.period_s,
        )
        limiter.reset([0.0] * self.count)
        return limiter


def random_joints(rng: np.random.Generator, count: int, period_s: float, jerk_per_acceleration: float) -> Joints:
    """Velocities of 0.1 to 5 rad/s, reached in 0.02 to 2 s.

    Args:
        rng: Of the limits.
        count: Of joints.
        period_s: The tick.
        jerk_per_acceleration: The highest ratio, 1/s; its inverse is the shortest time to full acceleration.
    """
    velocity = 10 ** rng.uniform(-1, 0.7, count)
    acceleration = velocity * 10 ** rng.uniform(-0.3, 1.7, count)
    jerk = acceleration * 10 ** rng.uniform(0.3, np.log10(jerk_per_acceleration), count)
    return Joints(velocity, acceleration, jerk, period_s)


def fastest(
    start: State,
    velocity: tuple[float, float],
    acceleration: float,
    jerk: float,
    *,
    to: float | None,
    speed: float = 0.0,
) -> Any:
    """The time-optimal trajectory.

    Args:
        start: Where it begins.
        velocity: Lowest and highest.
        acceleration: Greatest.
        jerk: Greatest.
        to: Position of its end; None: anywhere (velocity control).
        speed: At its end, where its acceleration is 0.
    """
    asked = ruckig.InputParameter(1)
    asked.current_position, asked.current_velocity, asked.current_acceleration = ([value] for value in start)
    asked.min_velocity, asked.max_velocity = ([value] for value in velocity)
    asked.max_acceleration, asked.max_jerk = [acceleration], [jerk]
    asked.target_velocity, asked.target_acceleration = [speed], [0.0]
    if to is None:
        asked.control_interface = ruckig.ControlInterface.Velocity
    else:
        asked.target_position = [to]
    trajectory = ruckig.Trajectory(1)
    assert ruckig.Ruckig(1).calculate(asked, trajectory) in {ruckig.Result.Working, ruckig.Result.Finished}
    return trajectory


def state_at(trajectory: Any, time_s: float) -> State:
    position, velocity, acceleration = trajectory.at_time(time_s)
    return position[0], velocity[0], acceleration[0]


def drive_about(joints: Joints, limiter: Limiter, rng: np.random.Generator, ticks: int) -> tuple[list[State], float]:
    """Brings a limiter into states of motion that it can reach, by targets out of reach on changing sides.

    Returns:
        The joints' states by ruckig's velocity control, and the greatest distance between its path and the commands.
    """
    states: list[State] = [(0.0, 0.0, 0.0)] * joints.count
    sides = rng.choice([-1.0, 1.0], joints.count)
    apart = 0.0
    for _ in range(ticks):
        sides = np.where(rng.random(joints.count) < 0.02, -sides, sides)
        command = limiter.follow(list(0.9 * FAR * sides), [0.0] * joints.count)
        for i, (v, a, j) in enumerate(zip(joints.velocity, joints.acceleration, joints.jerk, strict=True)):
            change = fastest(states[i], (-v, v), a, j, to=None, speed=sides[i] * v)
            states[i] = state_at(change, joints.period_s)
            apart = max(apart, abs(command[i] - states[i][0]))
    return states, apart


def settled_after(path: Values, goal: float, within: float = 1e-6) -> int:
    """The first tick from which on a path [ticks] stays on its goal."""
    off = np.flatnonzero(np.abs(path - goal) > within)
    return int(off[-1]) + 1 if len(off) else 0
