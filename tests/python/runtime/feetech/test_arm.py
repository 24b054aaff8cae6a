"""The arm from Python, over a pseudo-terminal: only the servos are missing."""

import json
import math
import time
from pathlib import Path

import pytest
from retain._core import feetech as core
from retain._core.runtime import RobotStatus
from retain.errors import ConfigError, DeviceError
from retain.runtime import Devices
from retain.runtime.feetech import open_feetech, read_calibration
from retain.runtime.feetech.emulator import EmulatedArm

from ..so101 import SO101  # noqa: TID252 (tests are no package that could be named)

MARGIN_S = 1.0
"""Far more than an answer needs: a busy machine must not look like a silent servo."""


def patient_robot(arm: EmulatedArm, calibration: Path) -> core.FeetechRobot:
    motors = [servo.motor() for servo in read_calibration(calibration)]
    return core.FeetechRobot(arm.port, motors, margin_s=MARGIN_S)


def robot_of(devices: Devices) -> core.FeetechRobot:
    assert isinstance(devices.robot, core.FeetechRobot)
    return devices.robot


def test_the_profile_says_what_the_robot_says(calibration: Path) -> None:
    devices = open_feetech("/dev/none", calibration)
    assert [(c.name, c.unit) for c in devices.profile.channels] == [(c.name, c.unit) for c in devices.robot.channels]
    assert [c.name for c in devices.profile.channels] == list(SO101)
    for channel, servo in zip(devices.profile.channels, read_calibration(calibration), strict=True):
        motor = servo.motor()
        assert channel.position_min <= motor.to_unit(servo.range_min) < motor.to_unit(servo.range_max)
        assert motor.to_counts(channel.position_min) == servo.range_min
        assert motor.to_counts(channel.position_max) == servo.range_max
        assert channel.interpolation == "linear"
    assert devices.profile.channels[-1].following_error == math.inf
    assert devices.profile.cameras == ()


def test_the_arm_goes_where_it_is_sent_and_holds_there_after_the_stop(arm: EmulatedArm, calibration: Path) -> None:
    robot = patient_robot(arm, calibration)
    robot.start()
    target = [0.2, -0.1, 0.3, 0.0, -0.4, 0.9]
    deadline_s = time.monotonic() + 60
    position: list[float] = []
    while time.monotonic() < deadline_s:
        assert robot.write(target) == RobotStatus.ok
        status, state = robot.measure(now_ns := time.monotonic_ns())
        assert status == RobotStatus.ok
        assert state["time_ns"] == now_ns
        position = state["position"]
        if position == pytest.approx(target, abs=2e-3):
            break
    assert position == pytest.approx(target, abs=2e-3)
    assert state["temperature_c"] == 30
    assert state["load"] == 0
    robot.stop()
    assert arm.registers(1)[40] == 1
    goals, outside = arm.goals()
    assert goals > 6
    assert outside == 0
    assert not any(robot.counts().values())


def test_an_arm_that_is_another_one_is_refused_with_both_sides(arm: EmulatedArm, tmp_path: Path) -> None:
    other = {name: dict(entry) for name, entry in SO101.items()}
    other["elbow_flex"]["homing_offset"] = 99
    file = tmp_path / "other.json"
    file.write_text(json.dumps(other))
    robot = robot_of(open_feetech(arm.port, file))
    with pytest.raises(DeviceError, match="elbow_flex homing_offset: -2047 in the servo, 99 in the calibration"):
        robot.start()
    assert arm.registers(3)[40] == 0


def test_a_servo_that_is_not_there_is_named(arm: EmulatedArm, tmp_path: Path) -> None:
    more = SO101 | {"extra": SO101["gripper"] | {"id": 9}}
    file = tmp_path / "more.json"
    file.write_text(json.dumps(more))
    with pytest.raises(DeviceError, match=r"extra \(id 9\) doesn't answer"):
        robot_of(open_feetech(arm.port, file)).start()


def test_two_servos_of_one_id_are_no_arm(calibration: Path, tmp_path: Path) -> None:
    file = tmp_path / "twice.json"
    file.write_text(json.dumps(SO101 | {"again": SO101["gripper"]}))
    with pytest.raises(ConfigError, match="has the id of"):
        open_feetech("/dev/none", file)


def test_a_port_that_is_not_there_is_an_error_of_one_sentence(calibration: Path) -> None:
    with pytest.raises(DeviceError, match="there is no serial port /dev/none"):
        robot_of(open_feetech("/dev/none", calibration)).start()


def test_a_pulled_cable_is_silence(calibration: Path) -> None:
    with EmulatedArm(read_calibration(calibration)) as arm:
        robot = patient_robot(arm, calibration)
        robot.start()
        assert robot.measure(time.monotonic_ns())[0] == RobotStatus.ok
    assert robot.measure(time.monotonic_ns())[0] == RobotStatus.silent
    assert robot.write([0.0] * 6) == RobotStatus.silent
    robot.stop()
