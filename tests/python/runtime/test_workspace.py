"""A workspace box on the simulated arm, in virtual time: the cup's tip never leaves it."""

from pathlib import Path

import mujoco
import numpy as np
import pytest
from retain.bundle import Bundle
from retain.errors import ConfigError, DeviceError
from retain.runtime import Run, RunConfiguration, Workspace, simulate_bundle
from retain.runtime.mujoco import open_tabletop
from retain.sim import episodes, parse_instruction
from retain.sim.arm import CUP_SITE

from .tiny_policy import TASK


def simulate(bundle: Path, workspace: Workspace) -> tuple[Run, np.ndarray]:
    """The run, and the tip's way over its commands, (T, 3)."""
    scene = open_tabletop(episodes("id", parse_instruction(TASK), 1, seed=0)[0], camera_rate_hz=0)
    try:
        configuration = RunConfiguration(duration_s=20, log_s=30, workspace=workspace)
        run = simulate_bundle(Bundle.open(bundle), scene.devices, TASK, configuration)
        handover = scene.sim.handover()
        model = mujoco.MjModel.from_xml_string(handover.xml)
        data = mujoco.MjData(model)
        addresses = [model.joint(name).qposadr[0] for name in handover.joints]
        way = []
        for command in run.record.sent:
            data.qpos[addresses] = command[: len(addresses)]
            mujoco.mj_kinematics(model, data)
            way.append(data.site(CUP_SITE).xpos.copy())
        return run, np.array(way)
    finally:
        scene.sim.close()


@pytest.fixture
def start(drifting: Path) -> np.ndarray:
    """Where the tip stands at first."""
    _, way = simulate(drifting, Workspace(low_m=(-9, -9, -9), high_m=(9, 9, 9)))
    return way[0]


def test_the_tip_stays_inside_and_the_run_ends_in_a_fault(drifting: Path, start: np.ndarray) -> None:
    low, high = start - 0.05, start + 0.05
    run, way = simulate(drifting, Workspace(low_m=tuple(low), high_m=tuple(high)))
    assert (run.report.state, run.report.cause) == ("fault", "workspace")
    assert (way >= low).all()
    assert (way <= high).all()
    assert np.abs(way - start).max() > 0.02  # it did move


def test_an_arm_outside_its_workspace_is_not_armed(drifting: Path, start: np.ndarray) -> None:
    with pytest.raises(DeviceError, match="outside the workspace"):
        simulate(drifting, Workspace(low_m=tuple(start + 0.1), high_m=tuple(start + 0.2)))


def test_a_box_without_room_is_refused() -> None:
    with pytest.raises(ConfigError, match="not below"):
        RunConfiguration.checked(workspace={"low_m": (0, 0, 0), "high_m": (1, 0, 1)})
