"""Gradient checkpointing: activations inside a layer are computed again in the backward pass instead of being kept."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint


def run_layer(layer: Callable[..., Any], *inputs: Any, recompute: bool) -> Any:
    """What `layer` makes of its inputs.

    Args:
        layer: A module or one of its methods; it must not draw random numbers outside of torch's generators.
        inputs: Its arguments.
        recompute: Keep only the inputs, where a gradient will be asked for (arXiv 1604.06174).
    """
    if recompute and torch.is_grad_enabled():
        return checkpoint(layer, *inputs, use_reentrant=False)
    return layer(*inputs)
