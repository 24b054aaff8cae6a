"""A recorded run of the real loop: the simulated arm, a policy whose motion is known in advance."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from retain.bundle import Bundle
from retain.runtime import Recording, Run, RunConfiguration, run_bundle
from retain.runtime.mujoco import open_tabletop
from retain.sim import episodes, parse_instruction

from ..runtime.tiny_policy import DRIFT, PATIENT, TASK, write_tiny_bundle  # noqa: TID252 (tests are no package that could be named)


def fly(bundle: Path, recording: Recording, configuration: RunConfiguration = PATIENT) -> Run:
    """Run a bundle on the tabletop and record it."""
    scene = open_tabletop(episodes("id", parse_instruction(TASK), 1, seed=0)[0])
    try:
        return run_bundle(Bundle.open(bundle), scene.devices, TASK, configuration, recording=recording)
    finally:
        scene.sim.close()


@dataclass(frozen=True)
class Flight:
    """A recorded run."""

    bundle: Path
    file: Path
    run: Run


@pytest.fixture(scope="session")
def flight(tmp_path_factory: pytest.TempPathFactory) -> Flight:
    """Recorded whole, from start to end."""
    pytest.importorskip("mcap")
    directory = tmp_path_factory.mktemp("flight")
    bundle = write_tiny_bundle(directory / "bundle", DRIFT)
    return Flight(bundle, directory / "run.mcap", fly(bundle, Recording(directory / "run.mcap")))
