"""Which positions a SmolVLA's patches read: in float32, transformers 4.55 to 4.57 shifted them by one.

Every patch then read the position of its left upper neighbour (huggingface/transformers#41190). LeRobot 0.4 runs with
those versions (`transformers>=4.53,<5`), LeRobot 0.5 and later with transformers 5. A policy learnt with what it read
there, so it must be run with that; no file of LeRobot's says which it was, but two things say that it was not shifted.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from retain.checkpoint import Checkpoint, read_json_object
from retain.errors import PolicyError
from retain.policy.lerobot.description import DESCRIPTION_FILE
from retain.policy.lerobot.sizes import VLM_FILE
from retain.policy.smolvla.published_vlm import NAME, SMOLVLM2_500M

VisionPositions = Literal["plain", "shifted"]
"""As in every other version, or shifted by one."""

_FAMILY = "smolvla"
_KEY = "shifted_positions"
_TOWER = ".vision_model."
_SINCE_0_6 = "pretrained_revision"
"""A key that LeRobot writes into config.json since 0.6.0."""


def vision_positions(checkpoint: Checkpoint) -> VisionPositions | Literal["unknown"] | None:
    """What the files of a policy say of them; None where it is no SmolVLA in LeRobot's files.

    Raises:
        CheckpointError: A file cannot be read.
    """
    if checkpoint.is_bare or checkpoint.adapters or checkpoint.config.get("type") != _FAMILY:
        return None
    vision = _backbone(checkpoint.directory).get("vision_config")
    if isinstance(vision, Mapping) and _KEY in vision:
        return "shifted" if vision[_KEY] else "plain"
    if (checkpoint.directory / DESCRIPTION_FILE).exists() or _SINCE_0_6 in checkpoint.config:
        return "plain"  # the first: nothing else was said when it was adopted
    # What is stored in another type than float32 ran in it: LeRobot loads the published backbone in bfloat16.
    in_float32 = any(info.dtype == "F32" for name, info in checkpoint.tensors.items() if _TOWER in name)
    return "unknown" if in_float32 else "plain"


def say_vision_positions(directory: Path, document: Mapping[str, Any], positions: VisionPositions) -> None:
    """Write what the user knows of them into a policy's vlm_config.json.

    Args:
        directory: Of the policy.
        document: Its parsed config.json.
        positions: What it was trained with.

    Raises:
        PolicyError: It is no SmolVLA, or its backbone is neither the published one nor described beside it.
        CheckpointError: vlm_config.json is there and cannot be read.
    """
    if document.get("type") != _FAMILY:
        raise PolicyError(
            f"{document.get('type')} has no positions that a version shifted; leave --vision-positions out"
        )
    backbone = _backbone(directory)
    if not backbone:
        if (name := document.get("vlm_model_name", NAME)) != NAME:
            raise PolicyError(
                f"the backbone {name} is not known here; put its config.json beside the policy as {VLM_FILE}"
            )
        backbone = dict(SMOLVLM2_500M)
    backbone["vision_config"] = {**backbone.get("vision_config", {}), _KEY: positions == "shifted"}
    (directory / VLM_FILE).write_text(json.dumps(backbone, indent=4) + "\n", encoding="utf-8")


def _backbone(directory: Path) -> dict[str, Any]:
    """Its configuration; empty where it is the published one and no file says so."""
    return read_json_object(directory / VLM_FILE) if (directory / VLM_FILE).exists() else {}
