from collections.abc import Sequence
from typing import TypedDict

from retain._core.runtime import Robot, RobotStatus

REST_COUNTS: int

class Unit:
    radians: Unit
    ratio: Unit

class Motor:
    def __init__(
        self,
        *,
        name: str,
        servo_id: int,
        unit: Unit,
        drive_mode: int,
        homing_offset: int,
        range_min: int,
        range_max: int,
    ) -> None: ...
    def to_unit(self, counts: int) -> float: ...
    def to_counts(self, value: float) -> int: ...

class Measurement(TypedDict):
    time_ns: int
    position: list[float]
    temperature_c: float
    load: float

class FeetechRobot(Robot):
    def __init__(
        self,
        port: str,
        motors: Sequence[Motor],
        *,
        baud_rate: int = ...,
        margin_s: float = ...,
        torque_off_at_stop: bool = ...,
    ) -> None: ...
    def drop(self) -> None: ...
    def measure(self, now_ns: int) -> tuple[RobotStatus, Measurement]: ...
