"""Other normalization statistics, folded into the finetuned end's first and last layers.

A linear layer y = W n + b that reads n_f = s·n_b + t is, for n_b, the layer with W' = W·diag(s) and b' = b + W t. One
whose output n_f is to be read as n_b = s·n_f + t is the layer with W' = diag(s)·W and b' = s·b + t. Both are exact, so
the rewritten policy, read with the base's statistics, is the finetuned policy read with its own; then the weights of
both ends are in the same units. Computed in fp64, in plain Python: the layers are small, and merging needs no numpy.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import mul
from typing import TypeVar

from retain.checkpoint import Adapter, Checkpoint, TensorInfo
from retain.checkpoint.normalizer import Change, Normalized, input_changes, output_changes
from retain.errors import CheckpointError, MergeError
from retain.merge.families import Family, Heads

_CODES: Mapping[str, str] = {"F16": "e", "F32": "f", "F64": "d"}

Matrix = list[list[float]]


@dataclass(frozen=True)
class Replacement:
    """A tensor of the finetuned end, rewritten.

    Attributes:
        shape: As it was.
        data: The values in row-major order, little-endian F64.
    """

    shape: tuple[int, ...]
    data: bytes

    @property
    def dtype(self) -> str:
        """As safetensors names it."""
        return "F64"

    @property
    def elements(self) -> int:
        """How many values."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Length of `data` [bytes]."""
        return len(self.data)


def fold_normalization(
    base: Checkpoint,
    finetuned: Checkpoint,
    family: Family,
    heads: Heads,
    features: Mapping[str, tuple[Normalized, Normalized]],
) -> dict[str, Replacement]:
    """Rewrite the layers of a finetuned policy for the base's statistics.

    Args:
        base: Whose statistics the rewritten layers are for.
        finetuned: Whose layers are rewritten.
        family: Of both.
        heads: Which layers touch which feature.
        features: What differs: how the base and how the finetuned end normalize it.

    Returns:
        The rewritten tensors by the name that the base has for them.

    Raises:
        MergeError: The base's statistics cannot express the finetuned policy's output, or a layer is not there.
        CheckpointError: A layer cannot be read.
    """
    folded: dict[str, Replacement] = {}
    for feature, (first, second) in features.items():
        for layer in heads.inputs.get(feature, ()):
            weight, bias = _names(base, family, layer)
            read = _read(base, finetuned, family, weight), _read(base, finetuned, family, bias)
            folded.update(_fold_input((weight, bias), read, input_changes(first, second)))
        for layer in heads.outputs.get(feature, ()):
            weight, bias = _names(base, family, layer)
            read = _read(base, finetuned, family, weight), _read(base, finetuned, family, bias)
            folded.update(_fold_output((weight, bias), read, _movable(feature, first, second)))
    return folded


def _movable(feature: str, base: Normalized, finetuned: Normalized) -> Sequence[Change]:
    changes = output_changes(base, finetuned)
    for channel, change in enumerate(changes):
        if change is None:
            raise MergeError(
                f"{feature}[{channel}] cannot move in the base's units, where it is always {base.low[channel]:g}, so "
                "no weights can express the finetuned policy in them; finetune again in the base's units: "
                "retain finetune … --stats base"
            )
    return [change for change in changes if change is not None]


def _names(base: Checkpoint, family: Family, layer: str) -> tuple[str, str]:
    stored = {family.canonical(name): name for name in base.tensors}
    try:
        return stored[f"{layer}.weight"], stored[f"{layer}.bias"]
    except KeyError as error:
        raise MergeError(
            f"the base has no tensor {error.args[0]}, into which the difference in normalization would be folded; "
            "finetune again in the base's units: retain finetune … --stats base"
        ) from None


@dataclass(frozen=True)
class _Tensor:
    shape: tuple[int, ...]
    values: Sequence[float]


Layer = tuple[_Tensor, _Tensor]


def _fold_input(names: tuple[str, str], layer: Layer, changes: Sequence[Change]) -> dict[str, Replacement]:
    (weight, bias), (w, b) = names, layer
    rows, columns = _layer_shape(weight, w, b)
    # Policies of a fixed width pad a shorter input with zeros: the columns beyond the channels are never used.
    if columns < len(changes):
        raise MergeError(f"{weight} reads {columns} numbers, but the statistics have {len(changes)} channels")
    matrix = _matrix(w.values, rows, columns)
    shifted = [b.values[row] + math.fsum(w_c * t for w_c, (_, t) in zip(matrix[row], changes, strict=False))
               for row in range(rows)]  # fmt: skip
    scales = [scale for scale, _ in changes] + [1.0] * (columns - len(changes))
    scaled = [w_c * scale for line in matrix for w_c, scale in zip(line, scales, strict=True)]
    return {weight: _replacement(w.shape, scaled), bias: _replacement(b.shape, shifted)}


def _fold_output(names: tuple[str, str], layer: Layer, changes: Sequence[Change]) -> dict[str, Replacement]:
    (weight, bias), (w, b) = names, layer
    rows, columns = _layer_shape(weight, w, b)
    if rows != len(changes):
        raise MergeError(f"{weight} writes {rows} numbers, but the statistics have {len(changes)} channels")
    scaled = [
        value * scale
        for line, (scale, _) in zip(_matrix(w.values, rows, columns), changes, strict=True)
        for value in line
    ]
    shifted = [value * scale + shift for value, (scale, shift) in zip(b.values, changes, strict=True)]
    return {weight: _replacement(w.shape, scaled), bias: _replacement(b.shape, shifted)}


def _layer_shape(name: str, weight: _Tensor, bias: _Tensor) -> tuple[int, int]:
    if len(weight.shape) != 2 or bias.shape != weight.shape[:1]:
        raise MergeError(f"{name} is {list(weight.shape)} with a bias {list(bias.shape)}; expected a linear layer")
    return weight.shape[0], weight.shape[1]


def _matrix(values: Sequence[float], rows: int, columns: int) -> Matrix:
    return [list(values[row * columns : (row + 1) * columns]) for row in range(rows)]


def _replacement(shape: tuple[int, ...], values: Sequence[float]) -> Replacement:
    return Replacement(shape, struct.pack(f"<{len(values)}d", *values))


def _read(base: Checkpoint, finetuned: Checkpoint, family: Family, name: str) -> _Tensor:
    """A tensor of the finetuned policy, also where that is only an adapter: then what it leaves alone is the base's."""
    canonical = family.canonical(name)
    if (own := _find(finetuned.tensors, family, canonical)) is not None:
        return _Tensor(own.shape, _values(own, name))
    if not finetuned.adapters:
        raise MergeError(f"the finetuned policy {finetuned.path} has no tensor {name}")
    info = base.tensors[name]
    values = _values(info, name)
    if (adapter := _find(finetuned.adapters, family, canonical)) is not None:
        values = _adapted(name, info.shape, values, adapter)
    return _Tensor(info.shape, values)


_Found = TypeVar("_Found")


def _find(named: Mapping[str, _Found], family: Family, canonical: str) -> _Found | None:
    return next((found for name, found in named.items() if family.canonical(name) == canonical), None)


def _adapted(name: str, shape: tuple[int, ...], values: Sequence[float], adapter: Adapter) -> Sequence[float]:
    """W + s·B·A, row-major."""
    rows, columns = adapter.b.shape[0], adapter.a.shape[1]
    if shape != (rows, columns):
        raise MergeError(f"{name} is {list(shape)}, but the adapter changes it by {[rows, columns]}")
    a = _matrix(_values(adapter.a, f"lora_A of {name}"), adapter.rank, columns)
    b = _matrix(_values(adapter.b, f"lora_B of {name}"), rows, adapter.rank)
    lines = list(zip(*a, strict=True))
    update = [adapter.scale * math.fsum(map(mul, line, column)) for line in b for column in lines]
    return [value + change for value, change in zip(values, update, strict=True)]


def _values(info: TensorInfo, name: str) -> Sequence[float]:
    with info.file.open("rb") as stream:
        stream.seek(info.offset)
        data = stream.read(info.nbytes)
    if len(data) < info.nbytes:
        raise CheckpointError(f"{info.file} ended within {name}; copy it again")
    if info.dtype == "BF16":  # the upper half of an F32
        words = struct.unpack(f"<{info.elements}H", data)
        return struct.unpack(f"<{info.elements}f", struct.pack(f"<{info.elements}I", *(word << 16 for word in words)))
    if info.dtype not in _CODES:
        raise MergeError(f"{name} is stored as {info.dtype}; folding needs BF16, F16, F32 or F64")
    return struct.unpack(f"<{info.elements}{_CODES[info.dtype]}", data)
