"""From an engine that has read an observation to a chunk: the denoising loop over its step."""

import numpy as np
import numpy.typing as npt

from retain.engine.policy_engine import PolicyEngine

FloatArray = npt.NDArray[np.float32]


def integrate(engine: PolicyEngine, noise: FloatArray, steps: int) -> FloatArray:
    """Euler from noise (t = 0) to action (t = 1): x ← x + v(x, t = i/steps)/steps for i = 0 … steps − 1.

    Args:
        engine: Its last prefix is the observation. One that regresses has said its chunk there already.
        noise: float32[1, H, W].
        steps: Number of Euler steps.

    Returns:
        The normalized chunk, float32[1, H, W].
    """
    if engine.info.regresses:
        return engine.regressed()
    x = np.ascontiguousarray(noise, dtype=np.float32)
    for index in range(steps):
        t = np.full(x.shape[:2], index / steps, dtype=np.float32)
        x = x + engine.step(x, t) / np.float32(steps)
    return x
