"""LeRobot's own bus on the same servos. Skipped where it is not installed (docs/lerobot.md)."""

import math
import time
from pathlib import Path

import pytest
from retain.runtime.feetech import lerobot_conversion, read_calibration
from retain.runtime.feetech.emulator import EmulatedArm

from ... import installed_lerobot  # noqa: TID252 (tests are no package that could be named)
from .test_arm import patient_robot

pytestmark = installed_lerobot.marks


@pytest.mark.parametrize("unit", ["degrees", "m100_100"])
def test_lerobot_reads_and_sends_what_we_do(arm: EmulatedArm, calibration: Path, unit: str) -> None:
    from lerobot.motors import Motor, MotorCalibration, MotorNormMode
    from lerobot.motors.feetech import FeetechMotorsBus

    modes = {"degrees": MotorNormMode.DEGREES, "m100_100": MotorNormMode.RANGE_M100_100}
    servos = read_calibration(calibration)
    bus = FeetechMotorsBus(
        arm.port,
        {s.name: Motor(s.id, "sts3215", MotorNormMode.RANGE_0_100 if s.is_ratio else modes[unit]) for s in servos},
        {s.name: MotorCalibration(s.id, s.drive_mode, s.homing_offset, s.range_min, s.range_max) for s in servos},
    )
    robot = patient_robot(arm, calibration)
    for share in (0.1, 0.37, 0.5, 0.93):
        for servo in servos:
            counts = servo.range_min + round(share * (servo.range_max - servo.range_min))
            arm.put(servo.id, 56, counts.to_bytes(2, "little"))
            arm.put(servo.id, 40, [0])
        bus.connect()
        # The servos hold LeRobot's calibration in its own encoding; drive_mode it cannot keep there.
        assert bus.is_calibrated
        theirs = bus.sync_read("Present_Position", num_retry=5)
        bus.sync_write("Goal_Position", theirs)
        goals = {servo.name: int.from_bytes(arm.registers(servo.id)[42:44], "little") for servo in servos}
        bus.disconnect(disable_torque=False)
        robot.start()
        _, state = robot.measure(time.monotonic_ns())
        robot.stop()
        for servo, ours in zip(servos, state["position"], strict=True):
            conversion = lerobot_conversion(servo, "0_100" if servo.is_ratio else unit)
            assert conversion.to_robot(theirs[servo.name]) == pytest.approx(ours, abs=1e-9)
            # LeRobot cuts its goals off to whole counts, we round.
            assert abs(servo.motor().to_counts(ours) - goals[servo.name]) <= 1
            assert math.isfinite(ours)
