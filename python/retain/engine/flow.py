"""The denoising loop over an engine's step."""

import numpy as np
import numpy.typing as npt

from retain._core import engine as core

FloatArray = npt.NDArray[np.float32]


def integrate(engine: core.OnnxRuntimeEngine, noise: FloatArray, steps: int) -> FloatArray:
    """Euler from noise (t = 0) to action (t = 1): x ← x + v(x, t = i/steps)/steps for i = 0 … steps − 1.

    Args:
        engine: Its last prefix is the observation.
        noise: float32[1, H, A].
        steps: Number of Euler steps.

    Returns:
        The normalized chunk, float32[1, H, A].
    """
    x = np.ascontiguousarray(noise, dtype=np.float32)
    for index in range(steps):
        t = np.full(x.shape[:2], index / steps, dtype=np.float32)
        x = x + engine.step(x, t) / np.float32(steps)
    return x
