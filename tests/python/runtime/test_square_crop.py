"""The central square, made smaller: equal to its definition to the bit."""

import numpy as np
import pytest
from retain._core.devices import SquareCrop
from retain.errors import ConfigError


def defined(picture: np.ndarray, size: int) -> np.ndarray:
    """⌊(Σ w·p + side²/2) / side²⌋, with weights from how far source and output pixels overlap."""
    height, width, _ = picture.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = picture[top : top + side, left : left + side].astype(np.int64)
    out, source = np.arange(size)[:, None], np.arange(side)[None]
    overlap = np.minimum((out + 1) * side, (source + 1) * size) - np.maximum(out * side, source * size)
    weights = np.maximum(overlap, 0)
    sums = np.einsum("is,jt,stc->ijc", weights, weights, square, optimize=True)
    return ((sums + side * side // 2) // (side * side)).astype(np.uint8)


@pytest.mark.parametrize(
    ("height", "width", "size"), [(48, 64, 48), (48, 64, 17), (65, 48, 1), (31, 30, 29), (480, 640, 224)]
)
def test_a_crop_equals_its_definition(height: int, width: int, size: int) -> None:
    picture = np.random.default_rng(size).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert (SquareCrop(height, width, size)(picture) == defined(picture, size)).all()
    white = np.full_like(picture, 255)
    assert (SquareCrop(height, width, size)(white) == 255).all()


def test_sums_over_32_bits_cancel() -> None:
    white = np.full((1500, 1500, 3), 255, np.uint8)
    assert (SquareCrop(1500, 1500, 1499)(white) == 255).all()


def test_another_picture_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"expected a picture uint8\[48, 64, 3\]"):
        SquareCrop(48, 64, 17)(np.zeros((64, 48, 3), np.uint8))


@pytest.mark.parametrize("size", [0, 49, 5000])
def test_nothing_is_enlarged(size: int) -> None:
    with pytest.raises(ConfigError, match=f"has 48 pixels a side and {size} are wanted"):
        SquareCrop(48, 64, size)
