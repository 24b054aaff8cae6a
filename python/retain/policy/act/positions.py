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
    pair = torch.arange(half // 2, dtype=torch.float32, device=device)
    frequency = torch.exp(pair * (-2 * math.log(_TEMPERATURE) / half))
    rows = _line(height, frequency)[:, None].expand(height, width, half)
    columns = _line(width, frequency)[None].expand(height, width, half)
    return torch.cat([rows, columns], -1).reshape(height * width, channels)


def _line(count: int, frequency: Tensor) -> Tensor:
    """float32 (count, 2 * frequencies): sines and cosines taking turns."""
    # The epsilon is DETR's and LeRobot's; weights were trained with it.
    number = torch.arange(1, count + 1, dtype=torch.float32, device=frequency.device)
    angle = (number * (2 * math.pi / (count + _EPSILON)))[:, None] * frequency
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)
