"""The flow-matching loss of π0 and SmolVLA, with rows that are already committed.

x_t = (1 - t) noise + t action, target action - noise, t = 0 is noise. Both families draw their own time, which runs
from action to noise, from 0.001 + 0.999 Beta(1.5, 1): mostly near the noise (arXiv 2410.24164, appendix B).
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

BETA = 1.5
"""Beta(a, 1) has the distribution function u^a, so that u^(1/a) of a uniform u is a draw from it."""


@dataclass(frozen=True)
class FlowSample:
    """What the network is asked, and the answer.

    Attributes:
        x: float32 (B, H, W).
        t: float32 (B, H), flow time of every row; 1 for committed rows.
        velocity: float32 (B, H, W), action - noise.
        weight: float32 (B, H), 0 for rows that are committed or beyond their episode, 1 for the others.
    """

    x: Tensor
    t: Tensor
    velocity: Tensor
    weight: Tensor


def draw_flow(
    actions: Tensor,
    width: int,
    *,
    is_pad: Tensor | None = None,
    max_delay: int = 0,
    delay_probability: float = 0.0,
    generator: torch.Generator | None = None,
) -> FlowSample:
    """Draw noise and flow time, on the CPU, so that a seed means the same on every device.

    Args:
        actions: float32 (B, H, A), normalized.
        width: W >= A; the columns beyond A have the clean value 0.
        is_pad: bool (B, H), True for rows beyond their episode's end, which carry no loss; None: no row is.
        max_delay: Most rows that can be committed; below H.
        delay_probability: Share of the chunks of which the first d ~ U{0 .. max_delay} rows are given clean and carry
            no loss, so that a policy learns to continue what a robot is already executing (training-time real-time
            chunking, arXiv 2512.05964). 0 is LeRobot's and openpi's loss.
        generator: All randomness comes from it.
    """
    count, horizon, channels = actions.shape
    clean = functional.pad(actions, (0, width - channels))
    noise = torch.randn(count, horizon, width, generator=generator).to(clean)
    t = 0.999 - 0.999 * torch.rand(count, 1, generator=generator) ** (1 / BETA)
    delayed = torch.rand(count, 1, generator=generator) < delay_probability
    delay = torch.randint(0, max_delay + 1, (count, 1), generator=generator) * delayed
    committed = torch.arange(horizon) < delay
    t = torch.where(committed, 1.0, t).to(clean)
    x = (1 - t)[..., None] * noise + t[..., None] * clean
    counts = ~committed.to(clean.device)
    if is_pad is not None:
        counts = counts & ~is_pad
    return FlowSample(x, t, clean - noise, counts.to(clean))


def flow_loss(velocity: Tensor, sample: FlowSample) -> Tensor:
    """Mean squared error over the rows that count and all W columns, a scalar.

    The padding's columns count: they are integrated with the others, so they must end at 0.
    """
    error = (velocity.float() - sample.velocity).square().mean(-1)
    return (error * sample.weight).sum() / sample.weight.sum().clamp(min=1)
