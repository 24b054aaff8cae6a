"""Open a checkpoint: find its files, read their headers, and join what they say. No weight is read."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from retain.checkpoint.checkpoint import Adapter, Checkpoint, Kind
from retain.checkpoint.json_object import read_json_object, shorten
from retain.checkpoint.locate import PICKLED, locate
from retain.checkpoint.peft import read_adapters
from retain.checkpoint.peft_config import read_lora_config
from retain.checkpoint.safetensors_header import Header, TensorInfo, read_header
from retain.checkpoint.sidecars import find_sidecars
from retain.checkpoint.weight_files import WeightFiles, check_index, find_weight_files
from retain.errors import CheckpointError

_HEAD = re.compile(r".+--(?:\d+|latest)_checkpoint\.pt")  # OpenVLA-OFT keeps its action head so


def open_checkpoint(path: str | Path, *, allow_pickle: bool = False) -> Checkpoint:
    """Open a policy: a file, a directory of LeRobot's, Hugging Face's or openpi's (PyTorch), or a PEFT adapter's.

    Args:
        path: A safetensors or torch file, a policy directory, or a step directory of a training run.
        allow_pickle: Read torch files too, through torch's restricted unpickler.

    Raises:
        CheckpointError: There is none, or its files are not what they say they are.
    """
    path = Path(path)
    try:
        if not path.exists():
            raise CheckpointError(f"{path} does not exist; give a policy directory or a .safetensors file")
        return _open_file(path, allow_pickle) if path.is_file() else _open_directory(path, allow_pickle)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from error


def _open_file(path: Path, allow_pickle: bool) -> Checkpoint:
    pickled = path.suffix in PICKLED
    header, notes = _read_weights(path, allow_pickle)
    return Checkpoint(
        path, path.parent, "pickle" if pickled else "file", (header,), None, header.tensors, {}, (), notes=notes
    )


def _open_directory(path: Path, allow_pickle: bool) -> Checkpoint:
    place = locate(path)
    found = find_weight_files(place.weights)
    read = [_read_weights(file, allow_pickle) for file in found.files]
    headers = tuple(header for header, _ in read)
    notes = [*place.notes, *found.notes, *(note for _, own in read for note in own)]
    adapters: Mapping[str, Adapter] = {}
    if found.adapter is not None:
        lora = read_lora_config(found.adapter)
        adapters, tensors = read_adapters(headers[0], lora)
        if lora.base:
            notes.append(f"the adapter was trained on {lora.base}")
    else:
        tensors = _join(headers)
    if found.index is not None:
        check_index(found.index, tensors)
    config = _read_config(place.directory)
    own = place.weights == place.directory
    weights = {file.name for file in found.files} | ({found.index.name} if found.index else set()) if own else set()
    sidecars = find_sidecars(place.directory, weights)
    notes += [f"{file} holds weights of its own, which are copied, not merged" for file in _heads(sidecars)]
    return Checkpoint(
        path=path,
        directory=place.directory,
        kind=_kind(place.directory, config, found),
        headers=headers,
        index=found.index,
        tensors=tensors,
        config=config,
        sidecars=sidecars,
        adapters=adapters,
        notes=tuple(notes),
    )


def _read_weights(file: Path, allow_pickle: bool) -> tuple[Header, tuple[str, ...]]:
    if file.suffix not in PICKLED:
        return read_header(file), ()
    if not allow_pickle:
        raise CheckpointError(
            f"{file} is a pickle, which can run code when it is loaded; give --allow-pickle to read it through torch's "
            "restricted loader, or save it as safetensors first"
        )
    from retain.checkpoint.torch_file import read_torch_file  # imports torch

    return read_torch_file(file)


def _join(headers: Sequence[Header]) -> dict[str, TensorInfo]:
    tensors: dict[str, TensorInfo] = {}
    for header in headers:
        for name, info in header.tensors.items():
            if name in tensors:
                raise CheckpointError(
                    f"{shorten(name)} is both in {tensors[name].file.name} and {info.file.name}; remove one of them"
                )
            tensors[name] = info
    return tensors


def _read_config(directory: Path) -> dict[str, Any]:
    file = directory / "config.json"
    return read_json_object(file) if file.exists() else {}


def _heads(sidecars: Sequence[Path]) -> list[Path]:
    return [file for file in sidecars if _HEAD.fullmatch(file.name)]


def _kind(directory: Path, config: Mapping[str, Any], found: WeightFiles) -> Kind:
    if found.adapter is not None:
        return "peft"
    if found.pickled:
        return "pickle"
    if isinstance(config.get("type"), str):
        return "lerobot"
    if "model_type" in config or "architectures" in config:
        return "huggingface"
    if "paligemma_variant" in config or any(directory.glob("assets/**/norm_stats.json")):
        return "openpi"
    return "directory"
