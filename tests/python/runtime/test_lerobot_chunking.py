"""Guided chunks against LeRobot's `RTCProcessor`: as transcribed, and itself where it is installed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from retain._core.runtime import sample_chunk

from .. import installed_lerobot  # noqa: TID252 (tests are no package that could be named)
from . import lerobot_oracle
from .chunking_oracle import philox_normal
from .nonlinear_flow import CHANNELS, HORIZON, open_flow, random_flow

torch = pytest.importorskip("torch", reason="torch is not installed")

DenoiseStep = Callable[[Any, Any, int, float, Callable[[Any], Any], int, float], Any]


def installed_denoise_step(
    x_t: Any, left_over: Any, delay: int, time: float, denoiser: Callable[[Any], Any], end: int, limit: float
) -> Any:
    installed_lerobot.prepare_import()
    from lerobot.configs.types import RTCAttentionSchedule
    from lerobot.policies.rtc.configuration_rtc import RTCConfig
    from lerobot.policies.rtc.modeling_rtc import RTCProcessor

    configuration = RTCConfig(
        enabled=True,
        prefix_attention_schedule=RTCAttentionSchedule.EXP,
        max_guidance_weight=limit,
        execution_horizon=end,
    )
    return RTCProcessor(configuration).denoise_step(
        x_t=x_t,
        prev_chunk_left_over=left_over,
        inference_delay=delay,
        time=time,
        original_denoise_step_partial=denoiser,
        execution_horizon=end,
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("d", "e"), [(0, 4), (3, 8), (5, 6), (11, 12)])
@pytest.mark.parametrize(
    "denoise_step",
    [
        pytest.param(lerobot_oracle.denoise_step, id="transcribed"),
        pytest.param(installed_denoise_step, id="installed", marks=installed_lerobot.marks),
    ],
)
def test_a_guided_chunk_is_lerobots(denoise_step: DenoiseStep, d: int, e: int, seed: int, tmp_path: Path) -> None:
    """LeRobot integrates x ← x − v/n from time 1 to 0 with the opposite velocity; the chunk is the same.

    Measured, transcribed and installed (0.4.4) alike: at most 7.2e-7 apart, values up to 4.4.
    """
    flow, steps, limit = random_flow(seed), 10, 10.0
    rng = np.random.default_rng(seed)
    Y = rng.standard_normal((HORIZON, CHANNELS)).astype(np.float32)
    ours = sample_chunk(open_flow(flow, tmp_path), seed, 1, steps, "guided", Y, d, e, limit)

    R, U, b, D = (torch.from_numpy(np.asarray(m, np.float32)) for m in (flow.R, flow.U, flow.b, flow.D))
    noise: npt.NDArray[np.float64] = philox_normal(seed, 1, Y.size).reshape(1, *Y.shape)
    x = torch.from_numpy(noise.astype(np.float32))
    for i in range(steps):
        time = 1.0 - i / steps

        def denoiser(x_t: Any, time: float = time) -> Any:
            return -torch.tanh(R @ x_t @ U + (1 - time) * b + flow.s) @ D

        x = x - denoise_step(x, torch.from_numpy(Y)[None], d, time, denoiser, e, limit).detach() / steps
    apart = np.abs(ours - x[0].numpy()).max()
    assert apart < 1e-6 * max(1.0, float(x.abs().max()))
