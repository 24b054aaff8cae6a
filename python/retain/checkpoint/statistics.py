"""The normalization statistics of a policy, wherever its format keeps them."""

import math
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retain.checkpoint.checkpoint import Checkpoint
from retain.checkpoint.json_object import read_json_object, shorten
from retain.checkpoint.safetensors_header import MAX_NAME, TensorInfo, read_header
from retain.checkpoint.weight_files import is_file
from retain.errors import CheckpointError

Values = tuple[float, ...]
"""A statistic in row-major order. Plain floats: merging starts twice as fast without numpy."""

STATISTICS_BUFFER = re.compile(r"(?:model\.)?(?:normalize_inputs|normalize_targets|unnormalize_outputs)\.buffer_.+")
"""Names of statistics that LeRobot before 0.4 saved inside the model. They are not weights."""

_STRUCT_CODES: Mapping[str, str] = {
    "F16": "e", "F32": "f", "F64": "d",
    "I8": "b", "I16": "h", "I32": "i", "I64": "q",
    "U8": "B", "U16": "H", "U32": "I", "U64": "Q", "BOOL": "B",
}  # fmt: skip
_STATISTICS_FILES = (
    "assets/**/norm_stats.json",  # openpi
    "norm_stats.json",
    "statistics.json",  # GR00T N1.6 and later
    "dataset_statistics.json",  # OpenVLA
)
# LeRobot's normalizers, and the steps that normalize for GR00T.
_STATISTICS_STEP = re.compile(r".*normalizer.*|groot_.*(?:pack_inputs|unnormalize).*")
_GROOT_N1_5 = "experiment_cfg/metadata.json"  # the same as statistics.json since N1.6, among other things
_FILE = re.compile(
    r"^(?:(?:assets/(?P<asset>.+)/)?norm_stats\.json\.(?:norm_stats\.)?|(?:dataset_)?statistics\.json\.)"
)
_FEATURE = re.compile(
    r"(?P<feature>(?:[^.]+\.)*(?:buffer_observation_)?(?:buffer_)?(?:actions?|state|proprio))(?P<part>\..+)?"
    r"\.(?:mean|std|min|max|q01|q99)"
)
_NOT_UNITS = ("count",)  # how many frames were counted says nothing about units


@dataclass(frozen=True)
class Statistics:
    """What physical values are divided and shifted by before the network sees them.

    Attributes:
        source: Which files they are from, for messages.
        values: By name, as "action.mean" or "observation.state.q01"; counts of frames are left out.
    """

    source: str
    values: Mapping[str, Values]


def read_statistics(checkpoint: Checkpoint) -> Statistics | None:
    """The statistics of a policy, or None where it has none of a kind known here.

    Raises:
        CheckpointError: A statistics file that the policy names is missing or broken.
    """
    found: dict[str, Values] = {}
    sources: list[str] = []
    for source, values in _all_sources(checkpoint):
        sources.append(source)
        for name, value in values:
            if name.rpartition(".")[2] in _NOT_UNITS:
                continue
            if name in found and not same_values(found[name], value):
                # LeRobot writes the statistics twice, for the normalizer and the unnormalizer.
                raise CheckpointError(f"{checkpoint.path} has two different values of {name} in {', '.join(sources)}")
            found[name] = value
    return Statistics(", ".join(sources), found) if sources else None


def feature_sizes(statistics: Statistics) -> dict[str, int]:
    """How many numbers actions and states have, by feature as the files call it.

    Where a robot's action is kept in parts (arm, hand), they are added up.
    """
    parts: dict[str, dict[str, int]] = {}
    for name, values in statistics.values.items():
        plain = _FILE.sub(lambda file: f"{file['asset']}." if file["asset"] else "", name)
        if match := _FEATURE.fullmatch(plain):
            sizes = parts.setdefault(match["feature"], {})
            part = match["part"] or ""
            sizes[part] = max(sizes.get(part, 0), len(values))
    return {feature: sum(sizes.values()) for feature, sizes in parts.items()}


def same_values(a: Values, b: Values) -> bool:
    """Whether two statistics are the same: float32 in one format may be decimal text in another."""
    return len(a) == len(b) and all(
        math.isclose(x, y, rel_tol=1e-6) or (math.isnan(x) and math.isnan(y)) for x, y in zip(a, b, strict=True)
    )


def _all_sources(checkpoint: Checkpoint) -> Iterator[tuple[str, Iterator[tuple[str, Values]]]]:
    buffers = {name: info for name, info in checkpoint.tensors.items() if STATISTICS_BUFFER.fullmatch(name)}
    if buffers:
        yield "the weights", _read_tensors(buffers)
    if checkpoint.is_bare:
        return
    for name in ("policy_preprocessor.json", "policy_postprocessor.json"):
        pipeline = checkpoint.directory / name
        if pipeline.exists():
            for state in _processor_states(pipeline):
                yield state.name, _read_tensors(read_header(state).tensors)
    for pattern in _STATISTICS_FILES:
        for file in sorted(checkpoint.directory.glob(pattern)):
            relative = str(file.relative_to(checkpoint.directory))
            yield relative, _flatten(relative, read_json_object(file))
    by_data_set = checkpoint.config.get("norm_stats")  # OpenVLA's, which a finetuned policy has as a file
    if isinstance(by_data_set, dict) and not (checkpoint.directory / "dataset_statistics.json").exists():
        yield "config.json", _flatten("dataset_statistics.json", by_data_set)
    metadata = checkpoint.directory / _GROOT_N1_5
    if metadata.exists():
        by_robot = {
            robot: entry["statistics"]
            for robot, entry in read_json_object(metadata).items()
            if isinstance(entry, dict) and isinstance(entry.get("statistics"), dict)
        }
        yield _GROOT_N1_5, _flatten("statistics.json", by_robot)


def _processor_states(pipeline: Path) -> Iterator[Path]:
    steps = read_json_object(pipeline).get("steps", [])
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise CheckpointError(f"{pipeline} has no list of steps; copy it again")
    for step in steps:
        name, state = step.get("registry_name", ""), step.get("state_file")
        if state is None or not _STATISTICS_STEP.fullmatch(str(name)):
            continue
        if not isinstance(state, str) or Path(state).name != state or not state.isprintable():
            raise CheckpointError(f"{pipeline} names the state file {shorten(state)}, which is not a file beside it")
        if not is_file(pipeline.parent / state):
            raise CheckpointError(f"{pipeline} names {shorten(state)}, which is missing; copy the whole directory")
        yield pipeline.parent / state


def _read_tensors(tensors: Mapping[str, TensorInfo]) -> Iterator[tuple[str, Values]]:
    for name, info in tensors.items():
        if info.dtype not in _STRUCT_CODES:
            raise CheckpointError(f"{info.file}: the statistic {name} is stored as {info.dtype}; expected F32")
        with info.file.open("rb") as stream:
            stream.seek(info.offset)
            data = stream.read(info.nbytes)
        if len(data) < info.nbytes:
            raise CheckpointError(f"{info.file} ended within the statistic {name}; copy it again")
        yield name, tuple(map(float, struct.unpack(f"<{info.elements}{_STRUCT_CODES[info.dtype]}", data)))


def _flatten(prefix: str, value: Any) -> Iterator[tuple[str, Values]]:
    """Leaves of a JSON object as (path, numbers); what is not numbers (names, flags) is no statistic.

    Without recursion: the depth of a file from elsewhere is its own.
    """
    left = [(prefix, value)]
    while left:
        path, found = left.pop()
        if len(path) > MAX_NAME:  # every leaf would repeat it
            raise CheckpointError(f"{prefix} has a statistic's name of {len(path)} letters; copy it again")
        if isinstance(found, dict):
            left += [(f"{path}.{name}", inner) for name, inner in reversed(found.items())]
        elif (numbers := _numbers(found)) is not None:
            yield path, numbers


def _numbers(value: Any) -> Values | None:
    """The numbers of a list of lists in order, or None where it holds something else."""
    numbers = []
    left = [value]
    while left:
        found = left.pop()
        if isinstance(found, list):
            left += reversed(found)
        elif isinstance(found, int | float):
            numbers.append(_as_float(found))
        else:
            return None
    return tuple(numbers)


def _as_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:  # an integer beyond float64's range
        return math.inf if number > 0 else -math.inf
