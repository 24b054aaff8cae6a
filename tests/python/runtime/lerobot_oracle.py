"""LeRobot's arithmetic, transcribed to be compared with, from the release 0.4.4 (Apache License 2.0, © Hugging Face).

`denoise_step` follows `RTCProcessor.denoise_step` and `get_prefix_weights` (schedule EXP) in
lerobot/policies/rtc/modeling_rtc.py; `Ensembler` follows `ACTTemporalEnsembler` in
lerobot/policies/act/modeling_act.py, whose `update` returns the next action. What is left out: devices, debugging,
padding of a left-over that is too short.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]


def denoise_step(
    x_t: Any, left_over: Any, delay: int, time: float, denoiser: Callable[[Any], Any], end: int, limit: float
) -> Any:
    """LeRobot's guided velocity; torch.Tensor[1, H, A] in and out.

    Its flow time runs from 1 (noise) to 0, so that its velocity is −v in retain's sign and τ = 1 − time. The gradient
    is asked for after the denoiser has run, hence it is that of x_t − time·v_t with v_t held fixed: the identity.
    """
    import torch

    tau = torch.as_tensor(1 - time)
    total = x_t.shape[1]
    start = min(delay, end)
    middle = torch.linspace(1, 0, end - start + 2)[1:-1]
    middle = middle * torch.expm1(middle).div(np.e - 1)
    weights = torch.cat([torch.ones(start), middle, torch.zeros(total - end)])[None, :, None]
    x_t = x_t.clone().detach()
    with torch.enable_grad():
        v_t = denoiser(x_t)
        x_t.requires_grad_(True)
        x1_t = x_t - time * v_t
        error = ((left_over - x1_t) * weights).detach()
        correction = torch.autograd.grad(x1_t, x_t, error)[0]
    greatest = torch.as_tensor(limit)
    inverse_r2 = ((1 - tau) ** 2 + tau**2) / (1 - tau) ** 2
    c = torch.nan_to_num((1 - tau) / tau, posinf=limit)
    weight = torch.minimum(torch.nan_to_num(c * inverse_r2, posinf=limit), greatest)
    return v_t - weight * correction


class Ensembler:
    """ACT's temporal ensemble as LeRobot updates it: the mean of all chunks so far, one row consumed a step."""

    def __init__(self, decay: float, rows: int) -> None:
        self.rows = rows
        self.weights = np.exp(-decay * np.arange(rows))
        self.sums = np.cumsum(self.weights)
        self.mean: Values | None = None
        self.count = np.zeros((0, 1), np.int64)

    def update(self, actions: Values) -> Values:
        """The next action.

        Args:
            actions: float64[rows, A], a new chunk.
        """
        if self.mean is None:
            mean, count = actions.copy(), np.ones((self.rows, 1), np.int64)
        else:
            mean = self.mean * self.sums[self.count - 1] + actions[:-1] * self.weights[self.count]
            mean = np.concatenate([mean / self.sums[self.count], actions[-1:]])
            count = np.concatenate([np.minimum(self.count + 1, self.rows), np.ones((1, 1), np.int64)])
        self.mean, self.count = mean[1:], count[1:]
        return np.asarray(mean[0])
