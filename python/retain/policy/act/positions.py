"""Sinusoidal positions: of a sequence (arXiv 1706.03762) and of the cells of a feature map, as in DETR (2005.12872)."""

import math

import torch
from torch import Tensor

_TEMPERATURE = 10000.0
_EPSILON = 1e-6


def sequence_positions(count: int, width: int) -> Tensor:
    """float32 (count, width): sin and cos of position / 10000^(2 floor(i / 2) / width), taking turns."""
    index = torch.arange(width, dtype=torch.float64)
    angle = torch.arange(count, dtype=torch.float64)[:, None] / _TEMPERATURE ** (2 * (index // 2) / width)
    return torch.where(index % 2 == 0, angle.sin(), angle.cos()).float()


def cell_positions(height: int, width: int, channels: int, device: torch.device | None = None) -> Tensor:
    """Positions of a feature map's cells, row by row, float32 (height * width, channels).

    The first half of the channels tells the row, the second the column, each counted from 1 and divided by their number
    into (0, 2 pi]. Computed where it is used, so that an exported graph holds no table.
    """
    half = channels // 2
    inverse_frequency = _TEMPERATURE ** (
        2 * torch.div(torch.arange(half, device=device), 2, rounding_mode="floor").float() / half
    )
    rows = _line(height, inverse_frequency, device)[:, None].expand(height, width, half)
    columns = _line(width, inverse_frequency, device)[None].expand(height, width, half)
    return torch.cat([rows, columns], -1).reshape(height * width, channels)


def _line(count: int, inverse_frequency: Tensor, device: torch.device | None) -> Tensor:
    """float32 (count, half): sines and cosines taking turns."""
    # The epsilon is DETR's and LeRobot's; weights were trained with it.
    place = torch.arange(1, count + 1, device=device).float() / (count + _EPSILON) * (2 * math.pi)
    angle = place[:, None] / inverse_frequency
    return torch.stack([angle[:, 0::2].sin(), angle[:, 1::2].cos()], -1).flatten(1)
