"""Whether two checkpoints are two ends of one model: the same names, shapes and dtypes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retain.checkpoint import Checkpoint, TensorInfo
from retain.checkpoint.statistics import STATISTICS_BUFFER
from retain.errors import MergeError
from retain.merge.methods.method import End
from retain.merge.recipe import Missing

FLOATS = frozenset({"BF16", "F16", "F32", "F64"})
INTEGERS = frozenset({"BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64"})

_LISTED = 8
_COMPARED_BYTES = 1 << 20


@dataclass(frozen=True)
class Pair:
    """A tensor of the output at both ends.

    Attributes:
        name: As in the output.
        base: The base's, or None if the tensor is kept from the finetuned end.
        finetuned: The finetuned end's, or None if the tensor is kept from the base.
    """

    name: str
    base: TensorInfo | None
    finetuned: TensorInfo | None


@dataclass(frozen=True)
class Pairing:
    """What goes with what.

    Attributes:
        layout: The end whose tensors, files and order the output has.
        pairs: One per tensor of the output, in that order.
        kept: Tensors that are the layout end's alone because the other end lacks them or has them differently.
        dropped: Tensors of the other end that the output does not have.
        aliases: Output tensors whose counterpart at the other end has another name (tied tensors), name → counterpart.
    """

    layout: End
    pairs: tuple[Pair, ...]
    kept: tuple[str, ...]
    dropped: tuple[str, ...]
    aliases: Mapping[str, str]


def pair_up(
    base: Checkpoint, finetuned: Checkpoint, missing: Missing, aliases: Sequence[tuple[str, str]] = ()
) -> Pairing:
    """Match the tensors of two checkpoints.

    Args:
        base: One end.
        finetuned: The other.
        missing: "error" refuses any difference; "base" or "finetuned" keeps that end's tensors wherever they differ.
        aliases: Pairs of names that stand for one tensor; the one is used where the other is not stored.

    Raises:
        MergeError: The ends differ and `missing` is "error"; the message sets the differences side by side.
    """
    layout: End = "finetuned" if missing == "finetuned" else "base"
    kept_end, other_end = (finetuned, base) if layout == "finetuned" else (base, finetuned)
    counterparts: dict[str, str] = {}
    used_aliases: dict[str, str] = {}
    for name, info in kept_end.tensors.items():
        if name in other_end.tensors:
            counterparts[name] = name
            continue
        alias = _alias(name, aliases)
        if alias is not None and alias in other_end.tensors and other_end.tensors[alias].shape == info.shape:
            counterparts[name] = used_aliases[name] = alias
    differing = [
        name
        for name, info in kept_end.tensors.items()
        if name not in counterparts or not _alike(info, other_end.tensors[counterparts[name]])
    ]
    reached = set(counterparts.values())
    # A tensor whose alias the other end stores is not lost: the alias carries it.
    extra = [name for name in other_end.tensors if name not in reached and _alias(name, aliases) not in reached]
    if missing == "error" and (differing or extra):
        raise MergeError(_difference(base, finetuned, {*differing, *extra}))
    alone = set(differing)
    pairs = []
    for name, info in kept_end.tensors.items():
        other = None if name in alone else other_end.tensors[counterparts[name]]
        pairs.append(Pair(name, info, other) if layout == "base" else Pair(name, other, info))
    return Pairing(layout, tuple(pairs), tuple(differing), tuple(extra), used_aliases)


def check_equal_where_copied(pairs: Sequence[Pair]) -> None:
    """Integers, booleans and statistics are copied, never averaged: they must be the same at both ends.

    Raises:
        MergeError: One differs.
    """
    for pair in pairs:
        if pair.base is None or pair.finetuned is None:
            continue
        if pair.base.dtype in INTEGERS and not _same_bytes(pair.base, pair.finetuned):
            raise MergeError(
                f"the {pair.base.dtype} tensor {pair.name} differs between base and finetuned; "
                "integers cannot be interpolated, so both ends must hold the same"
            )
        if STATISTICS_BUFFER.fullmatch(pair.name) and not _same_bytes(pair.base, pair.finetuned):
            raise MergeError(
                f"the normalization statistics {pair.name} differ between base and finetuned, so their weights are in "
                "different units; finetune again with the base's statistics: retain finetune … --stats base"
            )


def _alias(name: str, aliases: Sequence[tuple[str, str]]) -> str | None:
    for first, second in aliases:
        if name in (first, second):
            return second if name == first else first
    return None


def _alike(a: TensorInfo, b: TensorInfo) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype


def _same_bytes(a: TensorInfo, b: TensorInfo) -> bool:
    with a.file.open("rb") as first, b.file.open("rb") as second:
        first.seek(a.offset)
        second.seek(b.offset)
        left = a.nbytes
        while left > 0:
            block = min(left, _COMPARED_BYTES)
            if first.read(block) != second.read(block):
                return False
            left -= block
    return True


def _difference(base: Checkpoint, finetuned: Checkpoint, names: set[str]) -> str:
    """The message: one sentence, then two columns."""
    union = dict.fromkeys((*base.tensors, *finetuned.tensors))
    ordered = [name for name in union if name in names]
    rows = [("", "base", "finetuned")]
    rows += [(name, _cell(base, name), _cell(finetuned, name)) for name in ordered[:_LISTED]]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    if len(ordered) > _LISTED:
        lines.append(f"… and {len(ordered) - _LISTED} more")
    table = "\n  ".join(lines)
    mend = _mend(base, finetuned, names)
    return f"base and finetuned disagree on {len(names)} of {len(union)} tensors; {mend}\n  {table}"


def _mend(base: Checkpoint, finetuned: Checkpoint, names: set[str]) -> str:
    shared = base.tensors.keys() & finetuned.tensors.keys()
    if not shared:
        return "they are different architectures, which cannot be merged"
    if names <= shared and all(base.tensors[name].shape == finetuned.tensors[name].shape for name in names):
        return (
            "only the dtypes differ: convert one end first, "
            "as in: retain merge FINETUNED FINETUNED --alpha 0 --dtype float32 -o CONVERTED"
        )
    return "pass --missing base (or finetuned) to keep that end's wherever they differ"


def _cell(checkpoint: Checkpoint, name: str) -> str:
    info = checkpoint.tensors.get(name)
    return "–" if info is None else f"{info.dtype} {list(info.shape)}"
