"""What a robot is, as far as a policy must know: its channels with limits, and its cameras."""

import math
from dataclasses import dataclass
from typing import Literal

Interpolation = Literal["linear", "hold"]


@dataclass(frozen=True)
class ChannelProfile:
    """One measured and commanded number of a robot.

    Attributes:
        name: Joins it to the policy's channels; order is never trusted.
        unit: SI, e.g. `rad`; `1` for a switch.
        interpolation: `linear` moves from row to row; `hold` switches at a row's start.
        position_min: Lowest command, in the unit.
        position_max: Highest command.
        velocity: Highest speed of the command, per second. Not used for `hold`.
        acceleration: Highest change of that speed, per second squared. Not used for `hold`.
        jerk: Highest change of that acceleration, per second cubed. Not used for `hold`.
        following_error: Distance of command and measurement beyond which the arm is ramped down.
    """

    name: str
    unit: str
    interpolation: Interpolation
    position_min: float
    position_max: float
    velocity: float
    acceleration: float
    jerk: float
    following_error: float


@dataclass(frozen=True)
class CameraProfile:
    """One camera: what it is for, and the size of its frames in pixels."""

    role: str
    height: int
    width: int


@dataclass(frozen=True)
class RobotProfile:
    """A robot's channels, in its own order, and its cameras.

    Attributes:
        temperature_limit_c: Of its motors; a hotter one ramps the arm down. Infinite where it can't say.
    """

    name: str
    channels: tuple[ChannelProfile, ...]
    cameras: tuple[CameraProfile, ...] = ()
    temperature_limit_c: float = math.inf
