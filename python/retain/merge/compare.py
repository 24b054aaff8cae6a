"""Whether checkpoints are ends of one model, and which tensor of one goes with which of the others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from retain.checkpoint import Adapter, Checkpoint, TensorInfo
from retain.checkpoint.statistics import STATISTICS_BUFFER
from retain.errors import MergeError
from retain.merge.difference import Difference, describe
from retain.merge.families import Family
from retain.merge.families.running_statistics import is_running_statistic
from retain.merge.recipe import Missing

FLOATS = frozenset({"BF16", "F16", "F32", "F64"})
INTEGERS = frozenset({"BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64"})

_COMPARED_BYTES = 1 << 20

Change = TensorInfo | Adapter
"""How a finetuned end has a tensor: whole, or as a low-rank change of the base's."""


@dataclass(frozen=True)
class Pair:
    """A tensor of the output at all ends.

    Attributes:
        name: As in the output.
        base: The base's, or None if the tensor is kept from the finetuned end.
        finetuned: Every finetuned end's; None where an adapter leaves the tensor as the base has it. Empty if the
            tensor is kept from the base.
    """

    name: str
    base: TensorInfo | None
    finetuned: tuple[Change | None, ...]


@dataclass(frozen=True)
class Pairing:
    """What goes with what.

    Attributes:
        layout: The end whose tensors, files and order the output has: 0 the base, 1 the finetuned one.
        pairs: One per tensor of the output, in that order.
        kept: Tensors that are the layout end's alone because another end lacks them or has them differently.
        dropped: Tensors of the other ends that the output does not have.
        aliases: Output tensors whose counterpart at another end is the tensor they are tied to, name → counterpart.
    """

    layout: int
    pairs: tuple[Pair, ...]
    kept: tuple[str, ...]
    dropped: tuple[str, ...]
    aliases: dict[str, str]


class _Names:
    """Finds a tensor of one end under the name that another end gives it."""

    def __init__(self, end: Checkpoint, family: Family | None) -> None:
        self._family = family
        self._changes: dict[str, Change] = {**end.adapters, **end.tensors}
        self._canonical = {self.plain(name): name for name in self._changes}
        self.is_adapter = bool(end.adapters)

    def plain(self, name: str) -> str:
        """A name without what only some formats add to it."""
        return self._family.canonical(name) if self._family else name

    def find(self, name: str) -> str | None:
        if name in self._changes:
            return name
        if (found := self._canonical.get(self.plain(name))) is not None:
            return found
        for pair in self._family.aliases if self._family else ():
            if name in pair:
                other = pair[1] if name == pair[0] else pair[0]
                found = other if other in self._changes else self._canonical.get(self.plain(other))
                if found is not None:
                    return found
        return None

    def __getitem__(self, name: str) -> Change:
        return self._changes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._changes)


def pair_up(
    base: Checkpoint, finetuned: Sequence[Checkpoint], missing: Missing, family: Family | None, *, mixed: bool = False
) -> Pairing:
    """Match the tensors of all ends.

    Args:
        base: The base policy.
        finetuned: The policies finetuned from it.
        missing: "error" refuses any difference; "base" or "finetuned" keeps that end's tensors wherever they differ.
        family: The policy family: its tied names and format prefixes.
        mixed: Whether floating-point tensors may have other dtypes at other ends.

    Raises:
        MergeError: The ends differ and `missing` is "error"; the message sets the differences side by side.
    """
    layout = 1 if missing == "finetuned" else 0
    if layout and finetuned[0].adapters:
        raise MergeError(f"{finetuned[0].path} is an adapter, without tensors to keep; use --missing base")
    kept_end, other_ends = (finetuned[0], (base,)) if layout else (base, tuple(finetuned))
    others = [_Names(end, family) for end in other_ends]
    pairs: list[Pair] = []
    kept: list[str] = []
    aliases: dict[str, str] = {}
    reached: list[set[str]] = [set() for _ in others]
    wrong: list[dict[str, Change | None]] = [{} for _ in others]
    for name, info in kept_end.tensors.items():
        changes: list[Change | None] = []
        alike = True
        for end, names in enumerate(others):
            found = names.find(name)
            if found is None:
                changes.append(None)
                if not names.is_adapter:
                    alike, wrong[end][name] = False, None
                continue
            reached[end].add(found)
            if names.plain(found) != names.plain(name):
                aliases[name] = found
            changes.append(names[found])
            if not _alike(info, names[found], mixed=mixed):
                alike, wrong[end][name] = False, names[found]
        if not alike:
            kept.append(name)
            pairs.append(Pair(name, None, (info,)) if layout else Pair(name, info, ()))
        else:
            pairs.append(Pair(name, changes[0], (info,)) if layout else Pair(name, info, tuple(changes)))  # type: ignore[arg-type]
    own = _Names(kept_end, family)
    # A tensor whose alias is matched is not lost: the alias carries it.
    extra = [
        [name for name in names if name not in reached[end] and own.find(name) is None]
        for end, names in enumerate(others)
    ]
    if missing == "error" and (kept or any(extra)):
        ends = [end for end in range(len(others)) if wrong[end] or extra[end]]
        end = ends[0]
        raise MergeError(
            describe(
                Difference(
                    kept_end.tensors,
                    {**wrong[end], **{name: others[end][name] for name in extra[end]}},
                    total=len(dict.fromkeys((*kept_end.tensors, *others[end]))),
                    other="finetuned" if len(others) == 1 else str(other_ends[end].path),
                )
            )
        )
    dropped = tuple(dict.fromkeys(name for names in extra for name in names))
    return Pairing(layout, tuple(pairs), tuple(kept), dropped, aliases)


def check_equal_where_copied(pairs: Sequence[Pair]) -> list[str]:
    """Integers, booleans and statistics are copied, never averaged: they must be the same at all ends.

    Returns:
        The running statistics of normalization layers that differ: they are copied from one end.

    Raises:
        MergeError: Something else differs.
    """
    running = []
    for pair in pairs:
        if pair.base is None:
            continue
        statistics = STATISTICS_BUFFER.fullmatch(pair.name)
        runs = is_running_statistic(pair.name)
        if not (pair.base.dtype in INTEGERS or statistics or runs):
            continue
        for change in pair.finetuned:
            if not isinstance(change, TensorInfo) or _same_bytes(pair.base, change):
                continue
            if runs:
                running.append(pair.name)
                break
            if statistics:
                raise MergeError(
                    f"the normalization statistics {pair.name} differ between base and finetuned, so their weights are "
                    "in different units; finetune again with the base's statistics: retain finetune … --stats base"
                )
            raise MergeError(
                f"the {pair.base.dtype} tensor {pair.name} differs between base and finetuned; "
                "integers cannot be interpolated, so both ends must hold the same"
            )
    return running


def _alike(info: TensorInfo, other: Change, *, mixed: bool) -> bool:
    if isinstance(other, Adapter):
        return len(info.shape) == 2 and info.shape == (other.b.shape[0], other.a.shape[1])
    both_floats = info.dtype in FLOATS and other.dtype in FLOATS
    return info.shape == other.shape and (info.dtype == other.dtype or (mixed and both_floats))


def _same_bytes(a: TensorInfo, b: TensorInfo) -> bool:
    if a.nbytes != b.nbytes:
        return False
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
