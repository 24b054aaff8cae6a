"""The directory of a π0 or π0.5 as LeRobot 0.6.1 writes it, and the same after `retain adopt`."""

import torch

from ..lerobot_files import adopt_lerobot, write_lerobot  # noqa: TID252 (tests are no package that could be named)


def write_pi0(policy, directory, dtype=torch.float32):
    """What LeRobot leaves for this policy; its sizes, which are none of LeRobot's variants, under retain's keys."""
    changes = {"tokenizer_max_length": 48, "num_inference_steps": policy.spec.flow.steps, "empty_cameras": 1}
    empty = {"observation.images.empty_camera_0": {"type": "VISUAL", "shape": [3, 224, 224]}}
    return write_lerobot(policy, directory, changes, empty_cameras=empty, dtype=dtype)


def adopt_pi0(policy, directory, dtype=torch.float32):
    """The same, with what LeRobot leaves to the dataset and the Hub written beside it."""
    return adopt_lerobot(policy, write_pi0(policy, directory / "lerobots", dtype), [("*", "rad"), ("gripper", "1")])
