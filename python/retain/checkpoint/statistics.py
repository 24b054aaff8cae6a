"""The normalization statistics of a policy, wherever its format keeps them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retain.checkpoint.checkpoint import Checkpoint, read_json_object
from retain.checkpoint.safetensors_header import TensorInfo, read_header
from retain.errors import CheckpointError

Array = npt.NDArray[np.float64]

STATISTICS_BUFFER = re.compile(r"(?:model\.)?(?:normalize_inputs|normalize_targets|unnormalize_outputs)\.buffer_.+")
"""Names of statistics that LeRobot before 0.4 saved inside the model. They are not weights."""

_NUMPY_DTYPES: Mapping[str, str] = {
    "F16": "<f2", "F32": "<f4", "F64": "<f8",
    "I8": "i1", "I16": "<i2", "I32": "<i4", "I64": "<i8",
    "U8": "u1", "U16": "<u2", "U32": "<u4", "U64": "<u8", "BOOL": "u1",
}  # fmt: skip
_NOT_UNITS = ("count",)  # how many frames were counted says nothing about units


@dataclass(frozen=True)
class Statistics:
    """What physical values are divided and shifted by before the network sees them.

    Attributes:
        source: Which files they are from, for messages.
        values: By name, as "action.mean" or "observation.state.q01"; counts of frames are left out.
    """

    source: str
    values: Mapping[str, Array]


def read_statistics(checkpoint: Checkpoint) -> Statistics | None:
    """The statistics of a policy, or None where it has none of a kind known here.

    Raises:
        CheckpointError: A statistics file that the policy names is missing or broken.
    """
    found: dict[str, Array] = {}
    sources: list[str] = []
    for source, values in _all_sources(checkpoint):
        sources.append(source)
        for name, value in values:
            if name.rpartition(".")[2] in _NOT_UNITS:
                continue
            if name in found and not np.array_equal(found[name], value, equal_nan=True):
                # LeRobot writes the statistics twice, for the normalizer and the unnormalizer.
                raise CheckpointError(f"{checkpoint.path} has two different values of {name} in {', '.join(sources)}")
            found[name] = value
    return Statistics(", ".join(sources), found) if sources else None


def _all_sources(checkpoint: Checkpoint) -> Iterator[tuple[str, Iterator[tuple[str, Array]]]]:
    buffers = {name: info for name, info in checkpoint.tensors.items() if STATISTICS_BUFFER.fullmatch(name)}
    if buffers:
        yield "the weights", _read_tensors(buffers)
    if checkpoint.kind == "file":
        return
    for name in ("policy_preprocessor.json", "policy_postprocessor.json"):
        pipeline = checkpoint.directory / name
        if pipeline.exists():
            for state in _processor_states(pipeline):
                yield state.name, _read_tensors(read_header(state).tensors)
    for pattern in ("assets/**/norm_stats.json", "norm_stats.json", "statistics.json", "dataset_statistics.json"):
        for file in sorted(checkpoint.directory.glob(pattern)):
            relative = str(file.relative_to(checkpoint.directory))
            yield relative, _flatten(relative, read_json_object(file))


def _processor_states(pipeline: Path) -> Iterator[Path]:
    steps = read_json_object(pipeline).get("steps", [])
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise CheckpointError(f"{pipeline} has no list of steps; copy it again")
    for step in steps:
        name, state = step.get("registry_name", ""), step.get("state_file")
        if state is None or "normalizer" not in str(name):
            continue
        if not isinstance(state, str) or Path(state).name != state:
            raise CheckpointError(f"{pipeline} names the state file {state!r}, which is not a file beside it")
        if not (pipeline.parent / state).is_file():
            raise CheckpointError(f"{pipeline} names {state}, which is missing; copy the whole directory")
        yield pipeline.parent / state


def _read_tensors(tensors: Mapping[str, TensorInfo]) -> Iterator[tuple[str, Array]]:
    for name, info in tensors.items():
        if info.dtype not in _NUMPY_DTYPES:
            raise CheckpointError(f"{info.file}: the statistic {name} is stored as {info.dtype}; expected F32")
        with info.file.open("rb") as stream:
            stream.seek(info.offset)
            data = stream.read(info.nbytes)
        yield name, np.frombuffer(data, _NUMPY_DTYPES[info.dtype]).astype(np.float64).reshape(info.shape)


def _flatten(prefix: str, value: Any) -> Iterator[tuple[str, Array]]:
    """Leaves of a JSON object as (path, numbers); what is not numbers (names, flags) is no statistic."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flatten(f"{prefix}.{name}", inner)
        return
    try:
        yield prefix, np.asarray(value, np.float64)
    except (TypeError, ValueError):
        return
