"""Flow time as sines and cosines (openpi's `create_sinusoidal_pos_embedding`), for every row of a chunk."""

import math

import torch
from torch import Tensor


def embed_flow_time(time: Tensor, width: int, min_period: float, max_period: float) -> Tensor:
    """Sines and cosines of 2 π time / period, with width / 2 periods spaced evenly in their logarithm.

    The sources compute this in float64, which TensorRT does not have. Here the turns are counted in float32 and whole
    ones are dropped before the sine: what is lost is of the order of what rounding time to float32 loses anyway
    (time / min_period turns, 250 of them, to 24 bits).

    Args:
        time: float32 (B, H), in the convention that the policy was trained in.
        width: Even.
        min_period: Of the first pair [flow time].
        max_period: Of the last pair [flow time].

    Returns:
        float32 (B, H, width): all sines, then all cosines.
    """
    count = width // 2
    fraction = torch.arange(count, dtype=torch.float32, device=time.device) / (count - 1)
    turns = time[..., None] / (min_period * (max_period / min_period) ** fraction)
    phase = (turns - turns.round()) * (2 * math.pi)
    return torch.cat([phase.sin(), phase.cos()], -1)
