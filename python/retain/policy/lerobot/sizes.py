"""Those keys of LeRobot's config.json that a network is built from, without how it was trained or where it ran."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retain.checkpoint import read_json_object
from retain.errors import CheckpointError, PolicyError

VLM_FILE = "vlm_config.json"
"""The backbone's configuration, where it is not the published one that config.json names."""

_NOT_SIZES = re.compile(
    r"optimizer_.*|scheduler_.*|compile_.*|freeze_.*|train_.*|device|use_amp|use_peft|push_to_hub|repo_id|private|tags"
    r"|license|pretrained_path|load_vlm_weights|rtc_config|rtc_training_max_delay|dtype|gradient_checkpointing|n_action_steps"
)


def sizes_of(directory: Path, document: Mapping[str, Any]) -> dict[str, Any]:
    """What two policies must share for one graph to serve both.

    Args:
        directory: Of the policy; with VLM_FILE where the backbone is not the published one.
        document: Its parsed config.json.

    Returns:
        LeRobot's keys, and the backbone's configuration as `vlm_config` where the directory has it.

    Raises:
        PolicyError: VLM_FILE is there and not a JSON object.
    """
    sizes = {name: value for name, value in document.items() if not _NOT_SIZES.fullmatch(name)}
    if (directory / VLM_FILE).exists():
        try:
            sizes["vlm_config"] = read_json_object(directory / VLM_FILE)
        except CheckpointError as error:
            raise PolicyError(str(error)) from error
    return sizes
