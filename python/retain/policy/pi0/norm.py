"""RMS norms: Gemma's, and π0.5's, which flow time scales, shifts and gates (AdaRMS, after arXiv 2212.09748)."""

import torch
from torch import Tensor, nn

EPSILON = 1e-6


def normalize(x: Tensor) -> Tensor:
    """The vectors x / sqrt(mean(x^2) + ε) over the last axis, float32."""
    x = x.float()
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPSILON)


class RmsNorm(nn.Module):
    """normalize(x) (1 + weight), in float32.

    Args:
        width: Of the last axis.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Normalized x of the same dtype, and no gate; there is nothing to condition."""
        return (normalize(x) * (1 + self.weight.float())).to(x.dtype), None


class AdaptiveRmsNorm(nn.Module):
    """normalize(x) (1 + scale) + shift, with scale, shift and a gate for what follows from one linear map.

    Args:
        width: Of the last axis, and of the condition.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, 3 * width)
        # At the start every layer is the identity but for the bias, as in openpi.
        nn.init.zeros_(self.dense.weight)

    def forward(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Condition x row by row.

        Args:
            x: (B, N, width).
            condition: (B, N, width), one per row: rows have their own flow time.

        Returns:
            Normalized x and the gate, both (B, N, width) with the dtype of x.
        """
        scale, shift, gate = self.dense(condition).chunk(3, -1)
        normed = normalize(x) * (1 + scale.float()) + shift.float()
        return normed.to(x.dtype), gate.to(x.dtype)


def gated(x: Tensor, branch: Tensor, gate: Tensor | None) -> Tensor:
    """The sum x + gate branch; no gate is a gate of 1."""
    return x + branch if gate is None else x + branch * gate
