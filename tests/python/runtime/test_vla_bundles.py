"""Bundles of real VLA families in the loop: chunks wider than the robot, and chunks that no flow draws."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from retain.bundle import Bundle
from retain.errors import ConfigError
from retain.export.export import export_policy
from retain.policy import CameraSpec, Channel, Normalization, PolicySpec
from retain.policy.act import ACTConfig, ACTPolicy
from retain.runtime import (
    ChannelProfile,
    PythonCamera,
    PythonRobot,
    RobotProfile,
    RunConfiguration,
    open_python_devices,
    run_bundle,
)

from ..policy.act.lerobot_files import adopt_act  # noqa: TID252 (tests are no package)
from ..policy.act.tiny_act import SIZES, STATISTICS, act_spec, scatter  # noqa: TID252
from ..policy.smolvla.lerobot_files import adopt_smolvla  # noqa: TID252
from ..policy.smolvla.small import INSTRUCTIONS, small_policy  # noqa: TID252


class Standing(PythonRobot):
    """Has the policy's channels and stands where it was told to."""

    def __init__(self, names: list[str]) -> None:
        limits = {"velocity": 2.0, "acceleration": 40.0, "jerk": 2000.0, "following_error": 2.0}
        channels = tuple(ChannelProfile(name, "rad", "linear", -3.0, 3.0, **limits) for name in names)
        super().__init__(RobotProfile("standing", channels), rate_hz=100.0)
        self.position = np.zeros(len(names))

    def read(self) -> tuple[npt.NDArray[np.float64], float | None]:
        return self.position.copy(), time.monotonic()

    def write(self, command: npt.NDArray[np.float64]) -> None:
        self.position = command


class Noisy(PythonCamera):
    def __init__(self, camera: CameraSpec) -> None:
        super().__init__(camera.role, camera.height, camera.width, rate_hz=30.0)
        self.rng = np.random.default_rng(0)

    def read(self) -> tuple[npt.NDArray[np.uint8], float | None]:
        return self.rng.integers(0, 256, (self.height, self.width, 3), dtype=np.uint8), time.monotonic()


@pytest.fixture(scope="module")
def smolvla(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PolicySpec]:
    torch.set_num_threads(1)
    policy, directory = small_policy(), tmp_path_factory.mktemp("smolvla")
    export_policy(adopt_smolvla(policy, directory), directory / "bundle")
    return directory / "bundle", policy.spec


@pytest.fixture(scope="module")
def act(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PolicySpec]:
    torch.set_num_threads(1)
    directory, tiny = tmp_path_factory.mktemp("act"), act_spec()
    # As on an arm that is commanded in what it measures: the tiny policy itself measures a joint more.
    normalization = Normalization(state=tiny.normalization.action, action=tiny.normalization.action)
    state = tuple(Channel(channel.name, channel.unit) for channel in tiny.action)
    policy = ACTPolicy(replace(tiny, state=state, normalization=normalization), ACTConfig(**SIZES), STATISTICS)
    scatter(policy)
    export_policy(adopt_act(policy, directory), directory / "bundle")
    return directory / "bundle", policy.spec


def drive(bundle: tuple[Path, PolicySpec], configuration: RunConfiguration, task: str = INSTRUCTIONS[0]):
    path, spec = bundle
    names = [channel.name for channel in spec.action]
    with open_python_devices(Standing(names), [Noisy(camera) for camera in spec.cameras]) as devices:
        return run_bundle(Bundle.open(path), devices, task, configuration)


@pytest.mark.parametrize("strategy", ["sync", "async", "rtc-guided"])
def test_a_chunk_of_ten_columns_drives_four_joints(
    smolvla: tuple[Path, PolicySpec], strategy: str, patient: RunConfiguration
) -> None:
    configuration = patient.model_copy(update={"strategy": strategy, "execute_rows": 3, "duration_s": 2.0})
    run = drive(smolvla, configuration)
    assert run.report.cause == "time_over"
    assert run.report.chunks >= 2
    assert run.record.sent.shape[1] == 4
    assert np.ptp(run.record.sent, axis=0).max() > 0.01


@pytest.mark.parametrize("strategy", ["sync", "async", "ensemble"])
def test_a_regressed_chunk_drives_an_arm(
    act: tuple[Path, PolicySpec], strategy: str, patient: RunConfiguration
) -> None:
    run = drive(act, patient.model_copy(update={"strategy": strategy, "execute_rows": 3, "duration_s": 2.0}), "")
    assert run.report.cause == "time_over"
    assert run.report.chunks >= 2


def test_real_time_chunking_of_a_regressed_chunk_is_refused(
    act: tuple[Path, PolicySpec], patient: RunConfiguration
) -> None:
    with pytest.raises(ConfigError, match=r"the policy regresses its chunks.*choose sync, async or ensemble"):
        drive(act, patient.model_copy(update={"strategy": "rtc-guided", "execute_rows": 3}), "")
