"""The calibration file, and LeRobot's numbers in ours (motors/motors_bus.py: _normalize, _unnormalize)."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retain._core import feetech as core
from retain.errors import ConfigError
from retain.runtime.feetech import ServoCalibration, lerobot_conversion, read_calibration

from ..so101 import SO101  # noqa: TID252 (tests are no package that could be named)


@st.composite
def servos(draw: st.DrawFn, name: str = "joint") -> ServoCalibration:
    low = draw(st.integers(0, 4094))
    return ServoCalibration(
        name,
        id=1,
        drive_mode=draw(st.integers(0, 1)),
        homing_offset=draw(st.integers(-2047, 2047)),
        range_min=low,
        range_max=draw(st.integers(low + 1, 4095)),
    )


def lerobot_number(servo: ServoCalibration, counts: int, unit: str) -> float:
    """What LeRobot's bus returns for a position."""
    if unit == "degrees":
        return (counts - (servo.range_min + servo.range_max) / 2) * 360 / 4095
    share = (counts - servo.range_min) / (servo.range_max - servo.range_min)
    if unit == "0_100":
        return 100 - 100 * share if servo.drive_mode else 100 * share
    return -(200 * share - 100) if servo.drive_mode else 200 * share - 100


@given(servo=servos(), data=st.data())
def test_a_lerobot_number_converted_is_the_position_that_lerobot_meant(
    servo: ServoCalibration, data: st.DataObject
) -> None:
    counts = data.draw(st.integers(servo.range_min, servo.range_max))
    unit = data.draw(st.sampled_from(["degrees", "m100_100"]))
    conversion = lerobot_conversion(servo, unit)
    ours = conversion.to_robot(lerobot_number(servo, counts, unit))
    assert servo.motor().to_counts(ours) == counts
    assert ours == pytest.approx(servo.motor().to_unit(counts), abs=1e-9)
    assert conversion.to_lerobot(ours) == pytest.approx(lerobot_number(servo, counts, unit), abs=1e-9)


@given(servo=servos(name="gripper"), data=st.data())
def test_a_gripper_is_lerobots_percent_over_100(servo: ServoCalibration, data: st.DataObject) -> None:
    counts = data.draw(st.integers(servo.range_min, servo.range_max))
    ours = lerobot_conversion(servo, "0_100").to_robot(lerobot_number(servo, counts, "0_100"))
    assert servo.motor().to_counts(ours) == counts
    assert ours == pytest.approx(servo.motor().to_unit(counts), abs=1e-12)


@given(servo=servos(), value=st.floats(allow_nan=False, allow_infinity=False))
def test_no_number_becomes_a_goal_outside_the_range(servo: ServoCalibration, value: float) -> None:
    assert servo.range_min <= servo.motor().to_counts(value) <= servo.range_max


def test_a_full_turn_is_lerobots_full_turn() -> None:
    servo = ServoCalibration("wrist_roll", 5, 0, 0, 0, 4095)
    assert servo.motor().to_unit(4095) - servo.motor().to_unit(0) == pytest.approx(2 * math.pi)
    assert core.REST_COUNTS * 360 / 4095 < 4


def test_units_that_lerobot_does_not_use_for_a_channel_are_refused() -> None:
    with pytest.raises(ConfigError, match="expected 0_100"):
        lerobot_conversion(ServoCalibration("gripper", 6, 0, 0, 0, 4095), "degrees")
    with pytest.raises(ConfigError, match="expected degrees or m100_100"):
        lerobot_conversion(ServoCalibration("elbow_flex", 3, 0, 0, 0, 4095), "0_100")


def test_the_file_is_read_in_the_order_of_the_bus(tmp_path: Path) -> None:
    file = tmp_path / "arm.json"
    file.write_text(json.dumps(dict(reversed(SO101.items()))))
    assert [(servo.name, servo.id) for servo in read_calibration(file)] == [
        (name, entry["id"]) for name, entry in SO101.items()
    ]
    assert [servo.is_ratio for servo in read_calibration(file)] == [False] * 5 + [True]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is no calibration"),
        ("[]", "is no calibration"),
        ("{}", "holds no servo"),
        ('{"a": {"id": 1}}', r"a\.drive_mode"),
        ('{"a": {"id": 1, "drive_mode": 0, "homing_offset": 0.5, "range_min": 0, "range_max": 9}}', "homing_offset"),
        ('{"a": {"id": 1, "drive_mode": 0, "homing_offset": 0, "range_min": 0, "range_max": 4096}}', "range_max"),
        ('{"a": {"id": 1, "drive_mode": 0, "homing_offset": 0, "range_min": 9, "range_max": 9}}', "range 9 to 9"),
        ('{"a": {"id": 1, "drive_mode": 0, "homing_offset": 2048, "range_min": 0, "range_max": 9}}', "homing_offset"),
        ('{"a": {"id": true, "drive_mode": 0, "homing_offset": 0, "range_min": 0, "range_max": 9}}', r"a\.id"),
    ],
)
def test_what_is_no_calibration_is_refused_with_its_place(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "arm.json"
    file.write_text(content)
    with pytest.raises(ConfigError, match=says):
        read_calibration(file)


def test_a_missing_file_says_who_writes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="lerobot-calibrate"):
        read_calibration(tmp_path / "none.json")
