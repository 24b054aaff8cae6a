"""The running mean of the weights, which is what training hands over."""

from collections.abc import Mapping

import torch
from torch import Tensor


class WeightAverage:
    """mean <- decay mean + (1 - decay) weights, over what is trained.

    Args:
        weights: By name; their present values start the mean.

    Attributes:
        tensors: The mean, by the same names.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self._weights = list(weights.values())
        self.tensors: dict[str, Tensor] = {name: tensor.detach().clone() for name, tensor in weights.items()}

    @torch.no_grad()
    def update(self, decay: float) -> None:
        """Take the present weights into the mean."""
        torch._foreach_lerp_(list(self.tensors.values()), self._weights, 1 - decay)
