"""The running mean of the weights, which is what training hands over."""

import torch
from torch import Tensor, nn


class WeightAverage:
    """mean <- decay mean + (1 - decay) weights, over every tensor of the state dict.

    Args:
        network: Its present weights start the mean.

    Attributes:
        tensors: The mean, by the names of the state dict.
    """

    def __init__(self, network: nn.Module) -> None:
        self.tensors: dict[str, Tensor] = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, decay: float) -> None:
        """Take the network's present weights into the mean."""
        weights = network.state_dict()
        torch._foreach_lerp_(list(self.tensors.values()), [weights[name] for name in self.tensors], 1 - decay)
