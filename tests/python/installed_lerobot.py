"""LeRobot itself, where it is installed (docs/lerobot.md)."""

import functools
import importlib.util
import sys
from typing import Any

import pytest

marks = [
    pytest.mark.lerobot,
    pytest.mark.skipif(
        importlib.util.find_spec("lerobot") is None, reason="lerobot is not installed (docs/lerobot.md)"
    ),
    # LeRobot's dependencies warn about each other's versions; that is not ours to judge.
    pytest.mark.filterwarnings("default"),
]


@functools.cache
def prepare_import() -> Any:
    """Declares the two operators of a torchvision that was built for another torch; its Python parts then work.

    Returns:
        What must live as long as torchvision does.
    """
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for module in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[module]
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return library
    return None
