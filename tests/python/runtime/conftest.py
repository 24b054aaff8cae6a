"""A policy whose motion is known in advance, and a way to run it that does not mind a busy machine."""

from pathlib import Path

import pytest
from retain.runtime import Realtime, RunConfiguration

from .tiny_policy import write_tiny_bundle

TASK = "place the red block near right"
DRIFT = (0.02, 0.0, 0.0, 0.0, 0.0, 0.03, 0.0)
"""Slow enough for every limit: 0.2 and 0.3 rad/s."""


@pytest.fixture
def drifting(tmp_path: Path) -> Path:
    """A bundle that turns shoulder_pan and wrist_3, and nothing else."""
    return write_tiny_bundle(tmp_path / "bundle", DRIFT)


@pytest.fixture
def patient() -> RunConfiguration:
    """Slow and forgiving: what is tested must not depend on how busy the machine is."""
    return RunConfiguration(
        rate_hz=200.0,
        duration_s=2.5,
        max_frame_age_s=2.0,
        state_timeout_s=2.0,
        inference_timeout_s=10.0,
        hold_timeout_s=10.0,
        overruns_to_stop=0.9,
        realtime=Realtime(priority=None, lock_memory=False),
    )
