"""The loss as a module, so that several processes can average its gradient and share its weights."""

import torch
from torch import Tensor, nn

from retain.finetune.configuration import TrainingConfig
from retain.policy.base import Batch, Policy


class Objective(nn.Module):
    """A policy's training loss.

    Args:
        policy: Its weights are float32 and stay so.
        config: Precision, insulation.
    """

    def __init__(self, policy: Policy, config: TrainingConfig) -> None:
        super().__init__()
        self.policy = policy
        self._insulate, self._bf16 = config.insulate, config.precision == "bf16"

    def forward(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """The loss of a batch, a scalar; in bf16 its matrix products are, and what must not be (norms, sums) is not."""
        with torch.autocast(self.policy.device.type, torch.bfloat16, enabled=self._bf16):
            return self.policy.loss(batch, generator, insulate=self._insulate)
