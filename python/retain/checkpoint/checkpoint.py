"""A checkpoint: which files hold the weights, and every tensor's dtype, shape and place. Only headers are read."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from retain.checkpoint.safetensors_header import FileStamp, Header, TensorInfo, read_header
from retain.checkpoint.sidecars import find_sidecars
from retain.errors import CheckpointError

Kind = Literal["file", "directory", "lerobot", "huggingface", "openpi"]

WEIGHTS = "model.safetensors"
_INDEX_SUFFIX = ".safetensors.index.json"
_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})\.safetensors")
_PROCESSOR_STATE = re.compile(r"policy_(pre|post)processor.*\.safetensors")
_PICKLED = (".pt", ".pth", ".bin", ".ckpt", ".pkl")


@dataclass(frozen=True)
class Checkpoint:
    """An opened checkpoint.

    Attributes:
        path: As it was asked for.
        directory: Where its files are.
        kind: How the directory is laid out; "file" is a bare safetensors file, which has no sidecars.
        headers: One per weight file, in the files' order.
        index: The shard index, where there is one.
        tensors: By name, shard after shard, each in the order of its bytes.
        config: What config.json says; empty where there is none.
        sidecars: Everything else that belongs to it, relative to `directory`, sorted.
    """

    path: Path
    directory: Path
    kind: Kind
    headers: tuple[Header, ...]
    index: Path | None
    tensors: Mapping[str, TensorInfo]
    config: Mapping[str, Any]
    sidecars: tuple[Path, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of all weight files, headers included."""
        return sum(header.stamp.bytes for header in self.headers)

    @property
    def aliases(self) -> Mapping[str, str]:
        """Tied names that are not stored themselves → the stored tensor they stand for, from the files' metadata."""
        return {
            alias: name
            for header in self.headers
            for alias, name in header.metadata.items()
            if name in self.tensors and alias not in self.tensors
        }

    def check_unchanged(self) -> None:
        """Make sure that the weight files are still those whose headers were read.

        Raises:
            CheckpointError: One was replaced or written to.
        """
        for header in self.headers:
            if FileStamp.of(header.file) != header.stamp:
                raise CheckpointError(f"{header.file} was changed while it was being read; run the command again")


def open_checkpoint(path: Path) -> Checkpoint:
    """Open a safetensors file, a sharded checkpoint, or a LeRobot, Hugging Face or openpi (PyTorch) policy directory.

    Raises:
        CheckpointError: There is none, or its files are not what they say they are.
    """
    path = Path(path)
    if not path.exists():
        raise CheckpointError(f"{path} does not exist; give a policy directory or a .safetensors file")
    if path.is_file():
        if path.suffix in _PICKLED:
            raise CheckpointError(
                f"{path} is a pickle, which can run code when it is loaded; save it as safetensors first"
            )
        header = read_header(path)
        return Checkpoint(path, path.parent, "file", (header,), None, header.tensors, {}, ())
    files, index = _weight_files(path)
    headers = tuple(read_header(file) for file in files)
    tensors = _join(headers)
    if index is not None:
        _check_index(index, tensors)
    config = _read_config(path)
    weights = {file.name for file in files} | ({index.name} if index else set())
    return Checkpoint(path, path, _kind(path, config), headers, index, tensors, config, find_sidecars(path, weights))


def _weight_files(directory: Path) -> tuple[list[Path], Path | None]:
    indices = sorted(directory.glob(f"*{_INDEX_SUFFIX}"))
    if len(indices) > 1:
        raise CheckpointError(f"{directory} has several shard indices ({_names(indices)}); keep the one that counts")
    if indices:
        return _indexed_files(indices[0]), indices[0]
    if (directory / WEIGHTS).is_file():
        return [directory / WEIGHTS], None
    found = sorted(file for file in directory.glob("*.safetensors") if not _PROCESSOR_STATE.fullmatch(file.name))
    if (directory / "adapter_config.json").exists():
        raise CheckpointError(
            f"{directory} is a PEFT adapter, not full weights; fold it into its base and save that first"
        )
    shards = [match for file in found if (match := _SHARD.fullmatch(file.name))]
    if found and len(shards) == len(found):
        return _complete_shards(directory, shards), None
    if len(found) == 1:
        return found, None
    raise CheckpointError(_no_weights(directory, found))


def _no_weights(directory: Path, found: Sequence[Path]) -> str:
    if found:
        return f"{directory} has several weight files and no index ({_names(found)}); give one of them"
    if (directory / "pretrained_model").is_dir():
        return f"{directory} holds no weights itself; give {directory / 'pretrained_model'}"
    pickles = sorted(file for file in directory.iterdir() if file.suffix in _PICKLED)
    if pickles:
        return f"{directory} holds only pickled weights ({_names(pickles)}); save them as {WEIGHTS} first"
    return f"{directory} is not a policy: it has neither {WEIGHTS} nor a shard index"


def _names(files: Sequence[Path]) -> str:
    shown = ", ".join(file.name for file in files[:4])
    return shown + (f" and {len(files) - 4} more" if len(files) > 4 else "")


def _complete_shards(directory: Path, shards: Sequence[re.Match[str]]) -> list[Path]:
    families = {(match["stem"], match["total"]) for match in shards}
    if len(families) > 1:
        raise CheckpointError(
            f"{directory} mixes shards of several checkpoints and has no index; remove the wrong ones"
        )
    total = int(shards[0]["total"])
    missing = sorted(set(range(1, total + 1)) - {int(match["number"]) for match in shards})
    if missing or len(shards) != total:
        raise CheckpointError(f"{directory} has {len(shards)} of {total} shards; missing are {missing}")
    return [directory / match.string for match in shards]


def read_json_object(file: Path) -> dict[str, Any]:
    """Read a JSON file that must hold an object.

    Raises:
        CheckpointError: It cannot be read, or holds something else.
    """
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(f"cannot read {file}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{file} is not JSON ({error}); copy it again") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{file} holds a {type(value).__name__}, not an object; copy it again")
    return value


def _weight_map(index: Path) -> dict[str, str]:
    entries = read_json_object(index).get("weight_map")
    if not isinstance(entries, dict) or not entries or not all(isinstance(name, str) for name in entries.values()):
        raise CheckpointError(f"{index} has no weight_map from tensor names to files; copy it again")
    return entries


def _indexed_files(index: Path) -> list[Path]:
    names = sorted(set(_weight_map(index).values()))
    for name in names:
        # An index is data from elsewhere: it must not make us read outside the directory.
        if Path(name).name != name or name in ("", ".", ".."):
            raise CheckpointError(f"{index} names {name!r}, which is not a file beside it")
        if not (index.parent / name).is_file():
            raise CheckpointError(f"{index} names {name}, which is missing; copy the whole directory")
    return [index.parent / name for name in names]


def _join(headers: Sequence[Header]) -> dict[str, TensorInfo]:
    tensors: dict[str, TensorInfo] = {}
    for header in headers:
        for name, info in header.tensors.items():
            if name in tensors:
                raise CheckpointError(
                    f"{name} is both in {tensors[name].file.name} and {info.file.name}; remove one of them"
                )
            tensors[name] = info
    return tensors


def _check_index(index: Path, tensors: Mapping[str, TensorInfo]) -> None:
    entries = _weight_map(index)
    for name, file in entries.items():
        if name not in tensors:
            raise CheckpointError(f"{index} lists {name!r}, which {file} does not hold; copy the whole directory")
        if tensors[name].file.name != file:
            raise CheckpointError(f"{index} puts {name!r} in {file}, but it is in {tensors[name].file.name}")
    unlisted = next((name for name in tensors if name not in entries), None)
    if unlisted is not None:
        raise CheckpointError(f"{index} does not list {unlisted!r}, which {tensors[unlisted].file.name} holds")


def _read_config(directory: Path) -> dict[str, Any]:
    file = directory / "config.json"
    return read_json_object(file) if file.exists() else {}


def _kind(directory: Path, config: Mapping[str, Any]) -> Kind:
    if isinstance(config.get("type"), str):
        return "lerobot"
    if "model_type" in config or "architectures" in config:
        return "huggingface"
    if "paligemma_variant" in config or any(directory.glob("assets/*/norm_stats.json")):
        return "openpi"
    return "directory"
