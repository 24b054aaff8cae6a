"""How many committed rows a policy was trained to go on from (arXiv 2512.05964), as its files say it.

Retain's own policies say it in config.json, LeRobot's, once adopted, in the retain.json beside it. For π0.5 LeRobot
after 0.6.1 has a key of its own, `rtc_training_max_delay` (huggingface/lerobot#4056). Versions without it refuse a
config.json that has it, so it is kept truthful where it stands and put nowhere else.
"""

import json
from collections.abc import Mapping
from typing import Any

from retain.checkpoint.checkpoint import Checkpoint
from retain.checkpoint.json_object import read_json_object

RETAINS = "max_trained_delay"
LEROBOTS = "rtc_training_max_delay"
_CONFIG = "config.json"
_DESCRIPTION = "retain.json"
TELLING = (_CONFIG, _DESCRIPTION)
"""The files of a policy directory that can say it."""


def read_trained_delay(checkpoint: Checkpoint) -> int | None:
    """The number that a policy's files give, LeRobot's before retain's description of it is there included.

    Returns:
        Rows; None where nothing is said, as beside bare weights, or in what `lerobot-train` wrote without the key.

    Raises:
        CheckpointError: retain.json is broken.
    """
    description = checkpoint.directory / _DESCRIPTION
    if not checkpoint.is_bare and description.exists():
        return _rows(read_json_object(description).get(RETAINS, 0))
    return _rows(checkpoint.config.get(RETAINS, checkpoint.config.get(LEROBOTS)))


def with_trained_delay(name: str, content: bytes, rows: int) -> bytes:
    """A file of a policy directory that says another number; all that say none stay byte for byte what they are.

    Args:
        name: Of the file, below the directory.
        content: What is in it.
        rows: What it shall say.
    """
    if name not in TELLING:
        return content
    try:
        document = json.loads(content)
    except ValueError:
        return content  # whatever it is, it stays what it was
    if not isinstance(document, dict):
        return content
    said = {RETAINS: 0} if name == _DESCRIPTION else {}
    said |= {key: document[key] for key in (RETAINS, LEROBOTS) if key in document}
    changed: Mapping[str, Any] = {key: rows for key, before in said.items() if before != rows}
    if not changed:
        return content
    indent = 4 if content.startswith(b"{\n    ") else 2
    return (json.dumps({**document, **changed}, indent=indent, ensure_ascii=False) + "\n").encode()


def _rows(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
