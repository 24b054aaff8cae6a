"""A policy whose motion is known in advance, and a way to run it that does not mind a busy machine."""

from pathlib import Path

import pytest
from retain.runtime import RunConfiguration

from .tiny_policy import DRIFT, PATIENT, write_tiny_bundle


@pytest.fixture
def drifting(tmp_path: Path) -> Path:
    """A bundle that turns shoulder_pan and wrist_3, and nothing else."""
    return write_tiny_bundle(tmp_path / "bundle", DRIFT)


@pytest.fixture
def patient() -> RunConfiguration:
    """For a busy machine."""
    return PATIENT
