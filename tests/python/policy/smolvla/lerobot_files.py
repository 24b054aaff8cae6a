"""A SmolVLA's directory as LeRobot 0.4.4 writes it, and the same after `retain adopt`."""

from pathlib import Path

import torch
from retain.policy.smolvla import SmolVLAPolicy

from ..lerobot_files import adopt_lerobot, write_lerobot  # noqa: TID252 (tests are no package that could be named)


def write_smolvla(policy: SmolVLAPolicy, directory: Path, dtype: torch.dtype = torch.float32) -> Path:
    """What LeRobot leaves for this policy, with the backbone's configuration in a file of its own."""
    spec = policy.spec
    assert spec.flow is not None
    changes = {"tokenizer_max_length": spec.max_tokens, "num_steps": spec.flow.steps}
    return write_lerobot(policy, directory, changes, dtype=dtype)


def adopt_smolvla(
    policy: SmolVLAPolicy, directory: Path, unit: str = "rad", dtype: torch.dtype = torch.float32
) -> Path:
    """The same, with what LeRobot leaves to the dataset and the Hub written beside it."""
    return adopt_lerobot(policy, write_smolvla(policy, directory / "lerobots", dtype), [("*", unit)])
