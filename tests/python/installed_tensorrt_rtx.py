"""TensorRT-RTX, the stand-in for TensorRT that needs no GPU, where it is installed (docs/tensorrt.md)."""

import importlib.util
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from retain.export.tensorrt import Target

needs_tensorrt_rtx = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx_bindings") is None,
    reason="TensorRT-RTX is not installed; run: pip install 'retain-vla[rtx]' (Linux)",
)


def without_gpu(compute_capability: str = "8.6") -> "Target":
    """TensorRT-RTX, building for a GPU that is not here."""
    from retain.export.tensorrt.build import Target
    from retain.export.tensorrt.flavour import tensorrt_rtx

    return Target(tensorrt_rtx(), compute_capability)
