"""The plan of a merge: for every tensor of the output, where it comes from, what is done to it and where it goes."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from retain.checkpoint import Checkpoint, Header, TensorInfo, build_header
from retain.checkpoint.checkpoint import WEIGHTS, read_json_object
from retain.checkpoint.safetensors_header import DTYPE_BYTES
from retain.checkpoint.statistics import STATISTICS_BUFFER
from retain.errors import MergeError
from retain.merge.agreement import check_agreement
from retain.merge.compare import FLOATS, INTEGERS, Pair, Pairing, check_equal_where_copied, pair_up
from retain.merge.families import detect_family
from retain.merge.methods import METHODS, Operation
from retain.merge.normalization import NormalizationCheck, check_normalization
from retain.merge.partition import STATISTICS, Partition, make_partition
from retain.merge.recipe import Recipe

STORED: Mapping[str, str] = {"bfloat16": "BF16", "float16": "F16", "float32": "F32", "float64": "F64"}
"""The safetensors name of every dtype that can be asked for."""


@dataclass(frozen=True)
class PlannedTensor:
    """One tensor of the output.

    Attributes:
        name: Its name.
        component: The component whose α applies.
        kind: "copy" bytes of the source, "convert" the source to another dtype, or interpolate, "linear".
        alpha: The weight of the finetuned end, for "linear".
        source: What is read; for "linear", the base's.
        finetuned: The finetuned end's, for "linear" only.
        source_end: Which end `source` is from.
        dtype: What it is stored as.
        file: Index into the plan's files.
        offset: First byte in that file.
    """

    name: str
    component: str
    kind: Literal["copy", "convert", "linear"]
    alpha: float
    source: TensorInfo
    finetuned: TensorInfo | None
    source_end: Literal["base", "finetuned"]
    dtype: str
    file: int
    offset: int

    @property
    def nbytes(self) -> int:
        """Its length in the output [bytes]."""
        return self.source.elements * DTYPE_BYTES[self.dtype]


@dataclass(frozen=True)
class PlannedFile:
    """One weight file of the output: its name, its header byte for byte, and its size [bytes]."""

    name: str
    header: bytes
    nbytes: int


@dataclass(frozen=True)
class MergePlan:
    """All that is known before a byte of the weights is read.

    Attributes:
        base: One end.
        finetuned: The other.
        recipe: What was asked.
        partition: Which component every tensor belongs to.
        alpha: α of every component, defaults filled in.
        pairing: Which tensor goes with which.
        normalization: What the comparison of the statistics gave.
        files: The weight files of the output.
        tensors: Its tensors, in the order of their bytes.
        index: The shard index of the output as (name, text), where it has one.
        sidecars: The end whose configuration, processors and tokenizer go with the output.
        warnings: What the user should know before the merge, one sentence each.
    """

    base: Checkpoint
    finetuned: Checkpoint
    recipe: Recipe
    partition: Partition
    alpha: Mapping[str, float]
    pairing: Pairing
    normalization: NormalizationCheck
    files: tuple[PlannedFile, ...]
    tensors: tuple[PlannedTensor, ...]
    index: tuple[str, bytes] | None
    sidecars: Checkpoint
    warnings: tuple[str, ...]

    @property
    def output_bytes(self) -> int:
        """Bytes of the output's weight files."""
        return sum(file.nbytes for file in self.files)

    @property
    def tensor_bytes(self) -> int:
        """Bytes of the output's tensors, which is what progress counts."""
        return sum(tensor.nbytes for tensor in self.tensors)


def make_plan(
    base: Checkpoint, finetuned: Checkpoint, recipe: Recipe, patterns: Mapping[str, re.Pattern[str]]
) -> MergePlan:
    """Plan a merge and refuse what cannot be merged.

    Args:
        base: The base policy.
        finetuned: A policy that was finetuned from it.
        recipe: How to merge.
        patterns: User-defined components, name → pattern of the full tensor name.

    Raises:
        CheckpointError: A file is not what it says it is.
        MergeError: The ends do not fit together, or the recipe does not fit them.
    """
    family = detect_family(base.config or finetuned.config, base.tensors)
    pairing = pair_up(base, finetuned, recipe.missing, family.aliases if family else ())
    partition = make_partition((pair.name for pair in pairing.pairs), family, patterns)
    alpha = recipe.resolve(partition.components)
    normalization = check_normalization(base, finetuned)
    check_agreement(base, finetuned, family)
    check_equal_where_copied(pairing.pairs)

    layout = base if pairing.layout == "base" else finetuned
    pairs = {pair.name: pair for pair in pairing.pairs}
    files: list[PlannedFile] = []
    tensors: list[PlannedTensor] = []
    for number, header in enumerate(layout.headers):
        file = _plan_file(header, recipe, WEIGHTS if layout.kind == "file" else header.file.name)
        files.append(file)
        offset = len(file.header)
        for name in header.tensors:
            component = partition.component_of[name]
            tensor = _plan_tensor(pairs[name], component, alpha, recipe, (number, offset))
            tensors.append(tensor)
            offset += tensor.nbytes
    return MergePlan(
        base=base,
        finetuned=finetuned,
        recipe=recipe,
        partition=partition,
        alpha=alpha,
        pairing=pairing,
        normalization=normalization,
        files=tuple(files),
        tensors=tuple(tensors),
        index=_plan_index(layout.index, sum(tensor.nbytes for tensor in tensors)),
        # The finetuned end knows the robot: its camera names and processors are what the merged policy will meet.
        sidecars=base if finetuned.kind == "file" else finetuned,
        warnings=tuple(_warnings(recipe, partition, alpha, pairing, normalization)),
    )


def _stored_dtype(name: str, info: TensorInfo, recipe: Recipe) -> str:
    if recipe.dtype is None or info.dtype in INTEGERS or STATISTICS_BUFFER.fullmatch(name):
        return info.dtype
    return STORED[recipe.dtype]


def _plan_file(header: Header, recipe: Recipe, name: str) -> PlannedFile:
    dtypes = {tensor: _stored_dtype(tensor, info, recipe) for tensor, info in header.tensors.items()}
    if all(info.dtype == dtypes[tensor] for tensor, info in header.tensors.items()):
        raw = header.raw  # the very bytes: at alpha 0 the file is the base's
    else:
        raw = build_header(
            ((tensor, dtypes[tensor], info.shape) for tensor, info in header.tensors.items()), header.metadata
        )
    data = sum(info.elements * DTYPE_BYTES[dtypes[tensor]] for tensor, info in header.tensors.items())
    return PlannedFile(name, raw, len(raw) + data)


def _plan_tensor(
    pair: Pair, component: str, alpha: Mapping[str, float], recipe: Recipe, place: tuple[int, int]
) -> PlannedTensor:
    operation = _operation(pair, component, alpha, recipe)
    end: Literal["base", "finetuned"] = "base" if operation.kind == "linear" else operation.end
    source = pair.base if end == "base" else pair.finetuned
    if source is None:  # the tensor is kept from the only end that has it
        end, source = ("finetuned", pair.finetuned) if end == "base" else ("base", pair.base)
    assert source is not None
    dtype = _stored_dtype(pair.name, source, recipe)
    needs_arithmetic = operation.kind == "linear" or dtype != source.dtype
    if needs_arithmetic and source.dtype not in FLOATS:
        raise MergeError(
            f"{pair.name} is stored as {source.dtype}, which cannot be interpolated or converted; "
            "give its component alpha 0 or 1, or start from a checkpoint in bf16, f16 or f32"
        )
    kind: Literal["copy", "convert", "linear"]
    kind = "linear" if operation.kind == "linear" else "convert" if needs_arithmetic else "copy"
    finetuned = pair.finetuned if kind == "linear" else None
    return PlannedTensor(pair.name, component, kind, operation.alpha, source, finetuned, end, dtype, *place)


def _operation(pair: Pair, component: str, alpha: Mapping[str, float], recipe: Recipe) -> Operation:
    if pair.base is None or pair.finetuned is None:
        return Operation("take", "base" if pair.finetuned is None else "finetuned")
    if component == STATISTICS or pair.base.dtype in INTEGERS:
        return Operation("take", "base")  # equal at both ends: checked
    return METHODS[recipe.method].operation(alpha[component])


def _plan_index(index: Path | None, tensor_bytes: int) -> tuple[str, bytes] | None:
    if index is None:
        return None
    document = read_json_object(index)
    metadata = document.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("total_size") in (None, tensor_bytes):
        return index.name, index.read_bytes()
    document["metadata"] = {**metadata, "total_size": tensor_bytes}
    return index.name, (json.dumps(document, indent=2) + "\n").encode()


def _warnings(
    recipe: Recipe,
    partition: Partition,
    alpha: Mapping[str, float],
    pairing: Pairing,
    normalization: NormalizationCheck,
) -> list[str]:
    warnings: list[str] = []
    empty = (name for name in partition.components if name in recipe.alpha and not partition.tensors(name))
    warnings += [f"this policy has no tensor in {name}; its alpha has no effect" for name in empty]
    outside = [f"{name}={value:g}" for name, value in alpha.items() if not 0.0 <= value <= 1.0]
    if outside:
        warnings.append(f"alpha is extrapolated beyond the two ends: {' '.join(outside)}")
    if pairing.kept:
        warnings.append(
            f"{len(pairing.kept)} tensors are the {pairing.layout}'s alone, because the other end lacks them or has "
            f"them differently (first: {pairing.kept[0]})"
        )
    if pairing.dropped:
        warnings.append(f"{len(pairing.dropped)} tensors of the other end were dropped (first: {pairing.dropped[0]})")
    if normalization.status == "unknown":
        end = next(iter(normalization.sources))
        warnings.append(
            f"only the {end} end has normalization statistics; make sure that both were trained with the same, "
            "or actions come out in the wrong units"
        )
    return warnings
