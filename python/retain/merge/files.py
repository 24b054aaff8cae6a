"""The weight files of an output: names, headers byte for byte, and where every tensor goes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from retain.checkpoint import Checkpoint, Header, build_header
from retain.checkpoint.checkpoint import WEIGHTS, read_json_object
from retain.checkpoint.safetensors_header import DTYPE_BYTES
from retain.checkpoint.statistics import STATISTICS_BUFFER
from retain.merge.compare import INTEGERS
from retain.merge.recipe import Recipe

STORED: Mapping[str, str] = {"bfloat16": "BF16", "float16": "F16", "float32": "F32", "float64": "F64"}
"""The safetensors name of every dtype that can be asked for."""


_SAFETENSORS_INDEX = ".safetensors.index.json"


@dataclass(frozen=True)
class PlannedFile:
    """One weight file of an output.

    Attributes:
        name: Its name.
        header: Length and JSON, byte for byte.
        dtypes: What every tensor is stored as.
        offsets: The first byte of every tensor, counted from the start of the file.
        nbytes: Its size, header included [bytes].
    """

    name: str
    header: bytes
    dtypes: Mapping[str, str]
    offsets: Mapping[str, int]
    nbytes: int


def plan_files(layout: Checkpoint, recipe: Recipe) -> tuple[PlannedFile, ...]:
    """The files of an output that is laid out as a checkpoint is."""
    # A bare file may be called anything, and pickles become safetensors: both take the name that loaders look for.
    alone = (layout.is_bare or layout.kind == "pickle") and len(layout.headers) == 1
    return tuple(_plan_file(header, recipe, WEIGHTS if alone else _name(header.file)) for header in layout.headers)


def _name(file: Path) -> str:
    return file.name if file.suffix == ".safetensors" else f"{file.stem.replace('pytorch_model', 'model')}.safetensors"


def _plan_file(header: Header, recipe: Recipe, name: str) -> PlannedFile:
    dtypes = {}
    for tensor, info in header.tensors.items():
        fixed = recipe.dtype is None or info.dtype in INTEGERS or STATISTICS_BUFFER.fullmatch(tensor)
        dtypes[tensor] = info.dtype if fixed or recipe.dtype is None else STORED[recipe.dtype]
    if all(info.dtype == dtypes[tensor] for tensor, info in header.tensors.items()):
        raw = header.raw  # the very bytes: at alpha 0 the file is the base's
    else:
        raw = build_header(
            ((tensor, dtypes[tensor], info.shape) for tensor, info in header.tensors.items()), header.metadata
        )
    offsets, end = {}, len(raw)
    for tensor, info in header.tensors.items():
        offsets[tensor] = end
        end += info.elements * DTYPE_BYTES[dtypes[tensor]]
    return PlannedFile(name, raw, dtypes, offsets, end)


def plan_index(index: Path | None, tensor_bytes: int) -> tuple[str, bytes] | None:
    """The shard index of an output: the layout's own, with the size mended where another dtype changed it."""
    if index is None:
        return None
    document = read_json_object(index)
    metadata = document.get("metadata")
    same_size = not isinstance(metadata, dict) or metadata.get("total_size") in (None, tensor_bytes)
    if index.name.endswith(_SAFETENSORS_INDEX):
        if same_size:
            return index.name, index.read_bytes()
    else:  # of pickles
        document["weight_map"] = {name: _name(Path(file)) for name, file in document["weight_map"].items()}
    if isinstance(metadata, dict) and not same_size:
        document["metadata"] = {**metadata, "total_size": tensor_bytes}
    name = index.name if index.name.endswith(_SAFETENSORS_INDEX) else f"model{_SAFETENSORS_INDEX}"
    return name, (json.dumps(document, indent=2) + "\n").encode()
