"""An ACT's directory as LeRobot 0.4.4 writes it, and the same after `retain adopt`."""

from pathlib import Path

import torch
from retain.policy.act import ACTPolicy

from ..lerobot_files import adopt_lerobot, write_lerobot  # noqa: TID252 (tests are no package that could be named)
from .tiny_act import STATISTICS


def write_act(policy: ACTPolicy, directory: Path) -> Path:
    """What `ACTPolicy.save_pretrained` and the two processors leave for this policy."""
    pictures = {
        f"observation.images.{role}.{name}": torch.tensor(values)[:, None, None]
        for role, normalized in STATISTICS.items()
        for name, values in (("mean", normalized.low), ("std", normalized.high))
    }
    return write_lerobot(policy, directory, {"pretrained_backbone_weights": None}, statistics=pictures)


def adopt_act(policy: ACTPolicy, directory: Path) -> Path:
    """The same, with what LeRobot leaves to the dataset written beside it."""
    return adopt_lerobot(policy, write_act(policy, directory / "lerobots"), [("*", "rad")])
