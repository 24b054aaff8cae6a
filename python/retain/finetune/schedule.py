"""The learning rate and the EMA decay as functions of the step."""

import math

FLOOR = 1e-6
"""Learning rate at the end of the cosine."""


def learning_rate(step: int, *, peak: float, warmup: int, steps: int) -> float:
    """Linear rise over `warmup` steps under a half cosine over all `steps`; `step` counts from 0."""
    rise = min(1.0, (step + 1) / warmup) if warmup else 1.0
    return peak * rise * (0.5 + 0.5 * math.cos(math.pi * step / steps)) + FLOOR


def ema_decay(step: int, decay: float) -> float:
    """The decay, lower at the start: min(decay, (1 + step) / (10 + step)), so that the initial weights fade out."""
    return min(decay, (1 + step) / (10 + step))
