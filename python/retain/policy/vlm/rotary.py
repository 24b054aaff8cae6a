"""Rotary position embedding (RoFormer, arXiv 2104.09864), halves rotated against each other as in Llama and Gemma."""

from typing import NamedTuple

import torch
from torch import Tensor


class Rotation(NamedTuple):
    """Cosine and sine of every position's angles, float32 (B, 1, N, head_dim / 2)."""

    cos: Tensor
    sin: Tensor


def rotation(positions: Tensor, head_dim: int, wavelength: float) -> Rotation:
    """Angles position / wavelength^(2 i / head_dim), i = 0 .. head_dim / 2 - 1.

    Args:
        positions: (B, N), of any numeric dtype.
        head_dim: Even.
        wavelength: 10 000 in LeRobot's policies and Gemma.
    """
    exponents = torch.arange(head_dim // 2, dtype=torch.float32, device=positions.device) * (2.0 / head_dim)
    radians = positions[:, None, :, None].float() / wavelength**exponents
    return Rotation(radians.cos(), radians.sin())


def rotate(x: Tensor, by: Rotation) -> Tensor:
    """Rotate queries or keys (B, heads, N, head_dim), in float32; the dtype stays."""
    first, second = x.float().chunk(2, -1)
    rotated = torch.cat([first * by.cos - second * by.sin, second * by.cos + first * by.sin], -1)
    return rotated.to(x.dtype)
