"""Which files of a directory hold the weights: one file, shards with or without an index, an adapter, or pickles."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from retain.checkpoint.checkpoint import WEIGHTS
from retain.checkpoint.json_object import read_json_object, shorten
from retain.checkpoint.locate import PICKLED
from retain.checkpoint.peft_config import ADAPTER_CONFIG
from retain.checkpoint.safetensors_header import TensorInfo
from retain.checkpoint.sidecars import is_left_behind
from retain.errors import CheckpointError

_INDEX = ".safetensors.index.json"
_PICKLED_INDEX = "pytorch_model.bin.index.json"
_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})\.[a-z]+")
_PROCESSOR_STATE = re.compile(r"policy_(pre|post)processor.*\.safetensors")
_ADAPTER_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")


@dataclass(frozen=True)
class WeightFiles:
    """The files that hold the weights.

    Attributes:
        files: In the order of their shards.
        index: The shard index, where there is one.
        adapter: adapter_config.json, where the weights are an adapter's.
        notes: What was chosen, one sentence each.
    """

    files: tuple[Path, ...]
    index: Path | None = None
    adapter: Path | None = None
    notes: tuple[str, ...] = ()

    @property
    def pickled(self) -> bool:
        """Whether only torch can read them."""
        return self.files[0].suffix != ".safetensors"


def find_weight_files(directory: Path) -> WeightFiles:
    """Find a directory's weights; safetensors go before pickles of the same.

    Raises:
        CheckpointError: There are none, some are missing, or nothing says which of several count.
    """
    full = _safetensors(directory)
    adapter = directory / ADAPTER_CONFIG
    if adapter.exists():
        if full is not None:
            raise CheckpointError(
                f"{directory} holds both full weights ({full.files[0].name}) and an adapter, and nothing says whether "
                "the one is already in the other; move one of them to a directory of its own"
            )
        weights = next((directory / name for name in _ADAPTER_WEIGHTS if (directory / name).is_file()), None)
        if weights is None:
            raise CheckpointError(
                f"{directory} has {ADAPTER_CONFIG} but no {_ADAPTER_WEIGHTS[0]}; copy the whole directory"
            )
        return WeightFiles((weights,), adapter=adapter)
    if full is None:
        full = _pickled(directory)
    if full is None:
        raise CheckpointError(f"{directory} is not a policy: it has neither {WEIGHTS} nor a shard index")
    return full


def _safetensors(directory: Path) -> WeightFiles | None:
    indices = sorted(directory.glob(f"*{_INDEX}"))
    single = directory / WEIGHTS
    if indices:
        index = next((index for index in indices if index.name == WEIGHTS + ".index.json"), indices[0])
        if len(indices) > 1 and index.name != WEIGHTS + ".index.json":
            raise CheckpointError(
                f"{directory} has several shard indices ({_names(indices)}); keep the one that counts"
            )
        files = _indexed_files(index)
        if single.exists() and single not in files:
            raise CheckpointError(
                f"{directory} has {WEIGHTS} and also the shards of {index.name}, and nothing says which count; "
                "move the one or the others elsewhere"
            )
        others = [each for each in indices if each != index]
        note = f"read the shards of {index.name}; those of {_names(others)} were not read and are left behind"
        return WeightFiles(tuple(files), index, notes=(note,) if others else ())
    if single.is_file():
        return WeightFiles((single,))
    found = sorted(file for file in directory.glob("*.safetensors") if not _PROCESSOR_STATE.fullmatch(file.name))
    adapters = [file for file in found if file.name in _ADAPTER_WEIGHTS]
    if adapters and (directory / ADAPTER_CONFIG).exists():
        found = [file for file in found if file not in adapters]
    elif adapters:
        raise CheckpointError(f"{adapters[0]} is an adapter without its {ADAPTER_CONFIG}; copy the whole directory")
    return _alone_or_shards(directory, found)


def _pickled(directory: Path) -> WeightFiles | None:
    index = directory / _PICKLED_INDEX
    if index.exists():
        return WeightFiles(tuple(_indexed_files(index)), index)
    found = [
        file for file in sorted(directory.iterdir())
        if file.suffix in PICKLED and file.is_file() and not is_left_behind(file.name)
    ]  # fmt: skip
    return _alone_or_shards(directory, found)


def _alone_or_shards(directory: Path, found: Sequence[Path]) -> WeightFiles | None:
    shards = [match for file in found if (match := _SHARD.fullmatch(file.name))]
    if found and len(shards) == len(found):
        return WeightFiles(tuple(_complete_shards(directory, shards)))
    if len(found) > 1:
        raise CheckpointError(f"{directory} has several weight files and no index ({_names(found)}); give one of them")
    return WeightFiles(tuple(found)) if found else None


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
        raise CheckpointError(f"{directory} has {len(shards)} of {total} shards; missing are {shorten(missing)}")
    return [directory / match.string for match in shards]


def _weight_map(index: Path) -> dict[str, str]:
    entries = read_json_object(index).get("weight_map")
    if not isinstance(entries, dict) or not entries or not all(isinstance(name, str) for name in entries.values()):
        raise CheckpointError(f"{index} has no weight_map from tensor names to files; copy it again")
    return entries


def _indexed_files(index: Path) -> list[Path]:
    names = sorted(set(_weight_map(index).values()))
    for name in names:
        # An index is data from elsewhere: it must not make us read outside the directory.
        if Path(name).name != name or name in ("", ".", "..") or not name.isprintable():
            raise CheckpointError(f"{index} names {shorten(name)}, which is not a file beside it")
        if not is_file(index.parent / name):
            raise CheckpointError(f"{index} names {shorten(name)}, which is missing; copy the whole directory")
    return [index.parent / name for name in names]


def is_file(path: Path) -> bool:
    """Path.is_file, which is False too for what cannot be a file's name."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def check_index(index: Path, tensors: Mapping[str, TensorInfo]) -> None:
    """Make sure that an index and the shards say the same.

    Raises:
        CheckpointError: A tensor is missing, elsewhere, or not listed.
    """
    entries = _weight_map(index)
    for name, file in entries.items():
        if name not in tensors:
            raise CheckpointError(
                f"{index} lists {shorten(name)}, which {file} does not hold; copy the whole directory"
            )
        if tensors[name].file.name != file:
            raise CheckpointError(
                f"{index} puts {shorten(name)} in {file}, but it is in {tensors[name].file.name}; copy it again"
            )
    unlisted = next((name for name in tensors if name not in entries), None)
    if unlisted is not None:
        raise CheckpointError(
            f"{index} does not list {shorten(unlisted)}, which {tensors[unlisted].file.name} holds; copy it again"
        )
