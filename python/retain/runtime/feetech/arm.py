"""An arm of Feetech servos as the control loop takes it: the C++ robot, and the profile that says what it may do."""

import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from retain._core import feetech as core
from retain._core import runtime as runtime_core
from retain.runtime.feetech.calibration import ServoCalibration, named_for, read_calibration
from retain.runtime.loop import Devices
from retain.runtime.profile import CameraProfile, ChannelProfile, RobotProfile

# An STS3215 makes 45 turns a minute without load by its data sheet, 4.7 rad/s. These limits stay below; they were
# chosen, not measured on an arm.
VELOCITY_RAD_S: Final = 3.0
ACCELERATION_RAD_S2: Final = 15.0
JERK_RAD_S3: Final = 150.0
GRIPPER_VELOCITY: Final = 2.0
"""Of the gripper's range per second."""
GRIPPER_ACCELERATION: Final = 15.0
GRIPPER_JERK: Final = 150.0
TEMPERATURE_LIMIT_C: Final = 65.0
"""The servos are rated to 60 °C and switch off at 70 °C unless they were set otherwise."""
FOLLOWING_ERROR_RAD: Final = 0.5
"""LeRobot halves the servos' proportional gain, so loaded joints stay behind; half a radian is an obstacle."""

ANSWER_MARGIN_S: Final = 2e-3

ROBOT_NAME: Final = "feetech"


def feetech_profile(servos: Sequence[ServoCalibration], cameras: Sequence[runtime_core.Camera] = ()) -> RobotProfile:
    """The arm's channels with their limits.

    A joint may stand a little outside its range, which was recorded by hand, and still be armed; the driver sends no
    goal outside. The gripper's distance between command and measurement is no error: it closes on things.

    Args:
        servos: Its calibration.
        cameras: Those it is driven with.
    """
    return RobotProfile(
        ROBOT_NAME,
        tuple(_channel(servo) for servo in servos),
        tuple(CameraProfile(camera.role, camera.height, camera.width) for camera in cameras),
        TEMPERATURE_LIMIT_C,
    )


def _channel(servo: ServoCalibration) -> ChannelProfile:
    if servo.is_ratio:
        return ChannelProfile(
            servo.name,
            "1",
            "linear",
            position_min=0.0,
            position_max=1.0,
            velocity=GRIPPER_VELOCITY,
            acceleration=GRIPPER_ACCELERATION,
            jerk=GRIPPER_JERK,
            following_error=math.inf,
        )
    motor = servo.motor()
    return ChannelProfile(
        servo.name,
        "rad",
        "linear",
        position_min=motor.to_unit(servo.range_min - core.REST_COUNTS),
        position_max=motor.to_unit(servo.range_max + core.REST_COUNTS),
        velocity=VELOCITY_RAD_S,
        acceleration=ACCELERATION_RAD_S2,
        jerk=JERK_RAD_S3,
        following_error=FOLLOWING_ERROR_RAD,
    )


def open_feetech(
    port: str | Path,
    calibration: Path,
    *,
    cameras: Sequence[runtime_core.Camera] = (),
    channels: Collection[str] = (),
    baud_rate: int = 1_000_000,
    answer_margin_s: float = ANSWER_MARGIN_S,
    torque_off_at_stop: bool = False,
) -> Devices:
    """The arm for a loop. Nothing is opened before the robot's `start()`.

    Args:
        port: The serial port, e.g. `/dev/ttyACM0`.
        calibration: The file that LeRobot wrote for this arm.
        cameras: In any order; they are known by their roles.
        channels: The policy's channels: a servo goes by the name `NAME.pos`, as in LeRobot's datasets, where that is
            one of them.
        baud_rate: Of the servos, bit/s.
        answer_margin_s: What adapter and operating system may add to the bytes' own time before an answer counts as
            missing, s; at most 1.
        torque_off_at_stop: Let go of the arm when the run is over; it falls if nothing carries it.

    Raises:
        ConfigError: The calibration cannot be read or makes no arm, or the margin is impossible.
    """
    servos = named_for(read_calibration(calibration), channels)
    robot = core.FeetechRobot(
        str(port),
        [servo.motor() for servo in servos],
        baud_rate=baud_rate,
        margin_s=answer_margin_s,
        torque_off_at_stop=torque_off_at_stop,
    )
    return Devices(feetech_profile(servos, cameras), robot, tuple(cameras))
