import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from retain.policy.act.positions import cell_positions, sequence_positions


def naive_cell(row: int, column: int, height: int, width: int, channels: int) -> list[float]:
    """DETR's encoding of one cell, number by number (arXiv 2005.12872, appendix A.4)."""
    half, numbers = channels // 2, []
    for index, count in ((row, height), (column, width)):
        place = (index + 1) / (count + 1e-6) * 2 * math.pi
        for channel in range(half):
            angle = place / 10000 ** (2 * (channel // 2) / half)
            numbers.append(math.cos(angle) if channel % 2 else math.sin(angle))
    return numbers


@settings(max_examples=25, deadline=None)
@given(height=st.integers(1, 9), width=st.integers(1, 9), quarter=st.integers(1, 6))
def test_every_cell_tells_its_row_and_its_column(height, width, quarter):
    found = cell_positions(height, width, 4 * quarter)
    expected = [naive_cell(y, x, height, width, 4 * quarter) for y in range(height) for x in range(width)]
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-6)


@settings(max_examples=25, deadline=None)
@given(count=st.integers(1, 40), width=st.integers(2, 33))
def test_a_sequence_is_numbered_as_in_attention_is_all_you_need(count, width):
    expected = [
        [
            (math.cos if channel % 2 else math.sin)(place / 10000 ** (2 * (channel // 2) / width))
            for channel in range(width)
        ]
        for place in range(count)
    ]
    np.testing.assert_allclose(sequence_positions(count, width).numpy(), expected, atol=1e-6)


def test_no_two_cells_share_a_position():
    cells = cell_positions(15, 20, 512)
    distance = torch.cdist(cells, cells) + 10 * torch.eye(len(cells))
    assert distance.min() > 0.1


@pytest.mark.parametrize("shape", [(3, 5), (5, 3)])
def test_rows_come_first(shape):
    cells = cell_positions(*shape, 16).view(*shape, 16)
    assert (cells[..., :8] == cells[:, :1, :8]).all()
    assert (cells[..., 8:] == cells[:1, :, 8:]).all()
