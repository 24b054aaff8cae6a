"""What a checkpoint's weight files and shard index are called once they are safetensors."""

import re
from pathlib import Path
from typing import Any

from retain.checkpoint.checkpoint import WEIGHTS, Checkpoint
from retain.checkpoint.json_object import read_json_object

_PICKLED = re.compile(r"(?:pytorch_)?(?P<stem>model.*)\.(?:bin|pt|pth|ckpt|pkl)(?P<index>\.index\.json)?")


def safetensors_names(checkpoint: Checkpoint) -> tuple[str, ...]:
    """The names of the weight files of a copy in safetensors, in the order of the headers.

    A file by itself becomes model.safetensors, shards keep their numbers, and what is safetensors keeps its name.
    """
    if checkpoint.is_bare or (checkpoint.kind == "pickle" and len(checkpoint.headers) == 1):
        return (WEIGHTS,)
    return tuple(_renamed(header.file) for header in checkpoint.headers)


def safetensors_index(checkpoint: Checkpoint) -> tuple[str, dict[str, Any]] | None:
    """The name and content of the shard index of a copy in safetensors, or None where the checkpoint has no index.

    Raises:
        CheckpointError: The index cannot be read any more.
    """
    if checkpoint.index is None:
        return None
    document = read_json_object(checkpoint.index)
    names = dict(zip((header.file.name for header in checkpoint.headers), safetensors_names(checkpoint), strict=True))
    weight_map = {tensor: names[file] for tensor, file in document["weight_map"].items()}
    return _renamed(checkpoint.index), {**document, "weight_map": weight_map}


def _renamed(file: Path) -> str:
    match = _PICKLED.fullmatch(file.name)
    if match:
        return f"{match['stem']}.safetensors{match['index'] or ''}"
    return file.name if file.suffix in (".safetensors", ".json") else f"{file.stem}.safetensors"
