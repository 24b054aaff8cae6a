"""A policy whose motion is known in advance, an emulated arm, and a way to run that does not mind a busy machine."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from retain.runtime import RunConfiguration
from retain.runtime.feetech import read_calibration
from retain.runtime.feetech.emulator import EmulatedArm

from .so101 import SO101
from .tiny_policy import DRIFT, PATIENT, write_tiny_bundle


@pytest.fixture
def drifting(tmp_path: Path) -> Path:
    """A bundle that turns shoulder_pan and wrist_3, and nothing else."""
    return write_tiny_bundle(tmp_path / "bundle", DRIFT)


@pytest.fixture
def patient() -> RunConfiguration:
    """For a busy machine."""
    return PATIENT


@pytest.fixture
def calibration(tmp_path: Path) -> Path:
    """An SO-101's file."""
    file = tmp_path / "arm.json"
    file.write_text(json.dumps(SO101, indent=4))
    return file


@pytest.fixture
def arm(calibration: Path) -> Iterator[EmulatedArm]:
    """Its servos, behind a pseudo-terminal."""
    with EmulatedArm(read_calibration(calibration)) as emulated:
        yield emulated
