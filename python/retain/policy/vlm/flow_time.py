"""Flow time as sines and cosines (openpi's `create_sinusoidal_pos_embedding`), for every row of a chunk."""

import functools
import math

import torch
from torch import Tensor

_HALF = 12
"""Bits of half a float32: numbers of so few bits have exact products."""


def embed_flow_time(time: Tensor, width: int, min_period: float, max_period: float) -> Tensor:
    """Sines and cosines of 2 π time / period, with width / 2 periods spaced evenly in their logarithm.

    The sources compute this in float64, which TensorRT does not have. In plain float32, the fastest sines would be off
    by 1e-4, and a chunk by 3e-5: time / min_period is 250 turns, and what counts is the fraction behind them. So
    frequency and time are kept as sums of two float32, the first with few enough bits that the product of the firsts is
    exact; whole turns are taken off that product, and the rest is small.

    Args:
        time: float32 (B, H), 0 to 1, in the convention that the policy was trained in.
        width: Even, 4 or more.
        min_period: Of the first pair [flow time].
        max_period: Of the last pair [flow time].

    Returns:
        float32 (B, H, width): all sines, then all cosines; within 1e-6 of float64's.
    """
    first, second = _frequencies(width // 2, min_period, max_period, time.device)
    grid = 2.0 ** (math.ceil(math.log2(1 / min_period)) - _HALF)
    coarse = (first / grid).round() * grid
    fine = (first - coarse) + second
    early = (time * 2**_HALF).round() / 2**_HALF
    late = (time - early)[..., None]
    early = early[..., None]
    turns = early * coarse
    turns = (turns - turns.round()) + (early * fine + late * (first + second))
    phase = turns * (2 * math.pi)
    return torch.cat([phase.sin(), phase.cos()], -1)


def _frequencies(count: int, min_period: float, max_period: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """1 / period as a sum of two float32 (count,), multiplied up from few numbers: a graph holds no long tables."""
    slow, fast = (
        [torch.tensor(part, device=device) for part in table] for table in _factors(count, min_period, max_period)
    )
    first = slow[0][:, None] * fast[0]
    second = slow[0][:, None] * fast[1] + slow[1][:, None] * (fast[0] + fast[1])
    return first.flatten()[:count], second.flatten()[:count]


@functools.cache
def _factors(count: int, min_period: float, max_period: float) -> tuple[tuple[list[float], list[float]], ...]:
    """With n = sqrt(count), frequency i is the product of numbers i // n of the first and i % n of the second table.

    Each table is a sum of two: numbers of few bits, and what these lack.
    """
    n = math.isqrt(count - 1) + 1
    ratio = min_period / max_period
    slow = [ratio ** (n * index / (count - 1)) / min_period for index in range(math.ceil(count / n))]
    fast = [ratio ** (index / (count - 1)) for index in range(n)]
    return tuple(([_round(x) for x in table], [x - _round(x) for x in table]) for table in (slow, fast))


def _round(x: float) -> float:
    """To few bits."""
    mantissa, exponent = math.frexp(x)
    return math.ldexp(round(mantissa * 2**_HALF), exponent - _HALF)
