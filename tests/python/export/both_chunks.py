"""One observation to a chunk twice: by the policy in PyTorch, and by the bundle's graphs in the C++ engine."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from retain.bundle import Bundle
from retain.engine import EnginePlayer
from retain.policy import load_policy

Chunk = npt.NDArray[np.float32]


def both_chunks(bundle: Path, instruction: str, si: float = 1.0) -> tuple[Chunk, Chunk]:
    """(PyTorch's, the engine's), each [1, H, A] in its own units; `si` is what the policy's unit is in the bundle's."""
    policy, player = load_policy(bundle), EnginePlayer(Bundle.open(bundle))
    spec, generator = policy.spec, np.random.default_rng(3)
    images = {
        camera.role: generator.integers(0, 256, (1, camera.height, camera.width, 3), dtype=np.uint8)
        for camera in spec.cameras
    }
    state = generator.standard_normal((1, len(spec.state)), dtype=np.float32)
    noise = None
    if spec.flow is not None:
        noise = generator.standard_normal((1, spec.horizon, spec.action_width), dtype=np.float32)
    expected = policy.predict_chunk(images, state, [instruction], noise)
    found = player.predict_chunk(images, state * np.float32(si), [instruction], noise)
    assert found.shape == expected.shape == (1, spec.horizon, len(spec.action))
    return expected, found
