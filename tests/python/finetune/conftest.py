"""A small recorded dataset and trainings so small that they take a second."""

import numpy as np
import pytest
import torch
from retain.data import Dataset, DatasetWriter, camera, vector
from retain.finetune.configuration import TrainingConfig
from retain.policy.compact.configuration import CompactConfig

JOINTS = ("elbow", "wrist")
TASKS = ("lift the red block", "push the blue block left")


def record(path, *, lengths=(9, 12, 7), seed=0, scale=1.0, joints=JOINTS):
    """Write episodes in which a joint follows its command and suction comes on half way."""
    rng = np.random.default_rng(seed)
    names = [*joints, "suction"]
    features = {
        "observation.images.front": camera(16, 16),
        "observation.state": vector(names),
        "action": vector(names),
    }
    with DatasetWriter(path, fps=10, robot_type="test", features=features) as writer:
        for index, length in enumerate(lengths):
            action = (scale * rng.normal(size=(length, 3)).cumsum(0) * 0.05).astype(np.float32)
            action[:, 2] = np.arange(length) > length // 2
            state = np.vstack([action[:1], action[:-1]])
            images = rng.integers(0, 256, (length, 16, 16, 3), dtype=np.uint8)
            frames = {"observation.images.front": images, "observation.state": state, "action": action}
            writer.add_episode(TASKS[index % 2], frames)
    return Dataset(path)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def dataset(tmp_path):
    return record(tmp_path / "demos")


@pytest.fixture
def sizes():
    return CompactConfig(
        image_size=16, channels=8, width=16, heads=2, vocabulary=96, backbone_layers=1, expert_layers=1
    )


@pytest.fixture
def config():
    return TrainingConfig(steps=8, batch_size=4, lr=1e-3, warmup=2, ema=0.9, save_every=3)
