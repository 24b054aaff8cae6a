"""LeRobot's calibration file of an arm, and what its policies' numbers are in this robot's units."""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from retain._core import feetech as core
from retain.errors import ConfigError

GRIPPER: Final = "gripper"
"""The one channel that LeRobot measures as a share of its range."""

LEROBOT_POSITION: Final = ".pos"
"""LeRobot calls the position of shoulder_pan `shoulder_pan.pos` in its datasets, and so do policies trained on them."""

RADIANS_PER_COUNT: Final = 2 * math.pi / 4095
"""LeRobot divides the turn of 4096 counts by 4095; its policies have learned that."""

LerobotUnit = Literal["degrees", "m100_100", "0_100"]
"""What LeRobot's motor buses normalize positions to: SO arms use degrees (or, with `use_degrees=False`, -100 … 100 of
the range) for the joints, and 0 … 100 of the range for the gripper."""


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    id: int = Field(ge=0, le=253)
    drive_mode: Literal[0, 1]
    homing_offset: int = Field(ge=-2047, le=2047)
    range_min: int = Field(ge=0, le=4095)
    range_max: int = Field(ge=0, le=4095)


@dataclass(frozen=True)
class ServoCalibration:
    """One servo of the file. Counts are Present_Position's, the encoder's value less `homing_offset`.

    Attributes:
        name: The channel's.
        id: On the bus.
        drive_mode: 1: LeRobot counts shares of the range from the other end. Its degrees do not look at it.
        homing_offset: Counts, kept in the servo.
        range_min: Lowest position, counts, kept in the servo too.
        range_max: Highest.
    """

    name: str
    id: int
    drive_mode: int
    homing_offset: int
    range_min: int
    range_max: int

    @property
    def is_ratio(self) -> bool:
        """Whether the channel is 0 … 1 of the range; all others are rad from the middle of theirs."""
        return self.name.removesuffix(LEROBOT_POSITION) == GRIPPER

    def motor(self) -> core.Motor:
        """The servo as the driver takes it."""
        return core.Motor(
            name=self.name,
            servo_id=self.id,
            unit=core.Unit.ratio if self.is_ratio else core.Unit.radians,
            drive_mode=self.drive_mode,
            homing_offset=self.homing_offset,
            range_min=self.range_min,
            range_max=self.range_max,
        )


def read_calibration(file: Path) -> tuple[ServoCalibration, ...]:
    """Read what `lerobot-calibrate` wrote, in the order of the ids.

    Args:
        file: Usually `~/.cache/huggingface/lerobot/calibration/robots/<robot type>/<robot id>.json`.

    Raises:
        ConfigError: It cannot be read, is none, or describes an impossible arm.
    """
    try:
        entries = TypeAdapter(dict[str, _Entry]).validate_json(file.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"cannot read the calibration {file}: {error.strerror}; LeRobot writes one with: lerobot-calibrate"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigError(
            f"{file} is no calibration of Feetech servos ({where}: {first['msg']});"
            " LeRobot writes one with: lerobot-calibrate"
        ) from error
    servos = tuple(
        sorted((ServoCalibration(name, **entry.model_dump()) for name, entry in entries.items()), key=lambda s: s.id)
    )
    if not servos:
        raise ConfigError(f"{file} holds no servo; LeRobot writes a calibration with: lerobot-calibrate")
    for servo in servos:
        if servo.range_min >= servo.range_max:
            raise ConfigError(
                f"{file} gives {servo.name} the range {servo.range_min} to {servo.range_max}, which is none;"
                " calibrate the arm again with: lerobot-calibrate"
            )
    return servos


def named_for(servos: Iterable[ServoCalibration], channels: Collection[str]) -> tuple[ServoCalibration, ...]:
    """The servos by the names that a policy has for them: `shoulder_pan.pos` where it says so, else `shoulder_pan`.

    Args:
        servos: Named as in the calibration file.
        channels: The policy's.
    """
    return tuple(
        replace(servo, name=spoken) if (spoken := servo.name + LEROBOT_POSITION) in channels else servo
        for servo in servos
    )


@dataclass(frozen=True)
class Conversion:
    """robot = scale · lerobot, in the channel's unit."""

    scale: float

    def to_robot(self, lerobot: float) -> float:
        """LeRobot's number in the robot's unit."""
        return self.scale * lerobot

    def to_lerobot(self, robot: float) -> float:
        """The robot's number in LeRobot's unit."""
        return robot / self.scale


def lerobot_conversion(servo: ServoCalibration, unit: LerobotUnit) -> Conversion:
    """What a number of a LeRobot policy or dataset is on this robot.

    Degrees are measured from the middle of the range, as the robot's radians are. -100 … 100 spans the range, so what
    1 % is depends on the arm: such a policy moves another arm, with another calibration, by other angles.

    Args:
        servo: Whose channel it is.
        unit: What LeRobot normalized it to.

    Raises:
        ConfigError: LeRobot does not measure this channel so.
    """
    if servo.is_ratio != (unit == "0_100"):
        expected = "0_100" if servo.is_ratio else "degrees or m100_100"
        raise ConfigError(f"channel {servo.name} cannot be in {unit}; expected {expected}")
    if unit == "0_100":
        return Conversion(0.01)
    if unit == "degrees":
        return Conversion(math.pi / 180)
    sign = -1.0 if servo.drive_mode else 1.0
    return Conversion(sign * (servo.range_max - servo.range_min) / 200 * RADIANS_PER_COUNT)
