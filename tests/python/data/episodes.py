"""Small made-up recordings for the data tests."""

from typing import Any

import numpy as np
from retain.data import DatasetWriter, Feature, camera, vector

CAMERA = "observation.images.front"
STATE = "observation.state"
JOINTS = ["shoulder", "elbow", "suction"]


def features(dtype: str = "image", size: int = 32) -> dict[str, Feature]:
    return {CAMERA: camera(size, size, dtype), STATE: vector(JOINTS), "action": vector(JOINTS)}


def episode(length: int, seed: int = 0, size: int = 32) -> dict[str, Any]:
    """Frames in which a bright square moves over a smooth background, with matching random vectors."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(30, 160, size, dtype=np.uint8)
    frames = np.empty((length, size, size, 3), np.uint8)
    frames[:] = ramp[:, None, None]
    for number in range(length):
        left = (number * 3 + seed) % (size - 10)
        frames[number, left : left + 10, 5:15] = (220, 60, 40)
    values = rng.normal(size=(2, length, 3)).astype(np.float32)
    return {CAMERA: frames, STATE: values[0], "action": values[1]}


def write(path, lengths=(5, 9, 3), dtype="image", tasks=("lift the cup", "push the cup"), size=32, **options):
    """A dataset on disk and the episodes it was made of."""
    episodes = [episode(length, seed, size) for seed, length in enumerate(lengths)]
    with DatasetWriter(path, fps=10, robot_type="toy", features=features(dtype, size), **options) as writer:
        for index, frames in enumerate(episodes):
            writer.add_episode(tasks[index % len(tasks)], frames)
    return episodes
