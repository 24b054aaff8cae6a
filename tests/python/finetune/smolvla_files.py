"""A small SmolVLA as `retain adopt` leaves it, and recordings with video for it."""

from pathlib import Path

import numpy as np
import torch
from retain.data import Dataset, DatasetWriter, camera, vector
from retain.policy.lerobot.adopt import Naming, adopt

from ..policy.smolvla.lerobot_files import write_smolvla  # noqa: TID252 (tests are no package that could be named)
from ..policy.smolvla.small import INSTRUCTIONS, small_policy  # noqa: TID252 (tests are no package that could be named)

STATE = ("shoulder", "elbow", "gripper")
ACTION = ("shoulder", "elbow", "wrist", "gripper")


def write_adopted(directory: Path, dtype: torch.dtype = torch.float32) -> Path:
    """LeRobot's files for a small SmolVLA with random weights, named and given its words by `adopt`."""
    policy = small_policy()
    theirs = write_smolvla(policy, directory / "lerobots", dtype)
    policy.tokenizer.save(str(theirs / "tokenizer.json"))
    adopt(theirs, directory / "base", Naming(10.0, STATE, ACTION), [("*", "rad")], max_trained_delay=3)
    return directory / "base"


def record_video(
    path: Path,
    *,
    seed: int,
    cameras: tuple[str, str] = ("top", "wrist"),
    episodes: int = 3,
    size: tuple[int, int] = (24, 40),
) -> Dataset:
    """Episodes in which the commands follow from the state, seen by two cameras as video."""
    rng = np.random.default_rng(seed)
    sizes = {cameras[0]: size, cameras[1]: (32, 32)}
    features = {f"observation.images.{name}": camera(*size, "video") for name, size in sizes.items()}
    features |= {"observation.state": vector(list(STATE)), "action": vector(list(ACTION))}
    with DatasetWriter(path, fps=10, robot_type="arm", features=features) as writer:
        for number in range(episodes):
            length = 12 + number
            state = (rng.normal(size=3) + 0.3 * rng.normal(size=(length, 3)).cumsum(0)).astype(np.float32)
            action = 0.2 * state[:, [0, 1, 1, 2]] + np.float32(0.1)
            frames = {
                f"observation.images.{name}": np.broadcast_to(
                    rng.integers(0, 256, (length, 1, 1, 3), dtype=np.uint8), (length, *size, 3)
                ).copy()
                for name, size in sizes.items()
            }
            frames |= {"observation.state": state, "action": action}
            writer.add_episode(INSTRUCTIONS[(seed + number) % len(INSTRUCTIONS)], frames)
    return Dataset(path)
