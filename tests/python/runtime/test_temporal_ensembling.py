"""The loop's ensemble against LeRobot's `ACTTemporalEnsembler`, where chunks are one row apart."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from retain._core.runtime import Strategy

from .. import installed_lerobot  # noqa: TID252 (tests are no package that could be named)
from . import lerobot_oracle
from .virtual_arm import JOINTS, VirtualArm


class InstalledEnsembler:
    def __init__(self, decay: float, rows: int) -> None:
        installed_lerobot.prepare_import()
        from lerobot.policies.act.modeling_act import ACTTemporalEnsembler

        self.ensembler: Any = ACTTemporalEnsembler(decay, rows)

    def update(self, actions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        import torch

        return np.asarray(self.ensembler.update(torch.from_numpy(actions.astype(np.float32))[None])[0].numpy())


@pytest.mark.parametrize("decay", [0.0, 0.01, 0.5])
@pytest.mark.parametrize("rows", [2, 5, 20])
@pytest.mark.parametrize(
    "ensembler",
    [
        pytest.param(lerobot_oracle.Ensembler, id="transcribed"),
        pytest.param(InstalledEnsembler, id="installed", marks=installed_lerobot.marks),
    ],
)
def test_the_ensemble_plays_what_lerobots_plays(ensembler: type, rows: int, decay: float) -> None:
    """Forty chunks of the same rows: what one says about an instant, the next contradicts.

    Measured, transcribed and installed (0.4.4) alike: at most 7.5e-8 rad apart.
    """
    rng = np.random.default_rng(rows)
    said = np.cumsum(rng.uniform(-0.05, 0.05, (rows, len(JOINTS))), axis=0).astype(np.float32)
    arm = VirtualArm(
        rows=said,
        delta=False,
        strategy=Strategy.ensemble,
        execute_rows=1,
        delay_s=lambda _: 0.0,
        frame_arrives=lambda time_s: time_s > 0.0,  # the very first would be a tick older than all others
        options={"ensemble_decay": decay},
    )
    report, records = arm.run(4.3)
    chunk, planned = records["chunk"], records["planned"]
    # The last tick of a chunk is the instant at which its first row is due.
    last_ticks = np.flatnonzero(np.diff(chunk) == 1)
    last_ticks = last_ticks[chunk[last_ticks] > 0]
    assert len(last_ticks) >= 40
    assert np.allclose(np.diff(records["time_s"][last_ticks]), arm.dt_s)
    theirs = ensembler(decay, rows)
    expected = np.array([theirs.update(said.astype(np.float64)) for _ in last_ticks])
    assert np.abs(planned[last_ticks] - expected).max() < 1e-6
    assert np.abs(expected - said[0]).max() > 0.01
    assert all(channel["admission_velocity"] == 0 for channel in report["channels"])
