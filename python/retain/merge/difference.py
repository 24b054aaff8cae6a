"""How two ends differ, said in one sentence and a small table."""

from collections.abc import Mapping
from dataclasses import dataclass

from retain.checkpoint import Adapter, TensorInfo

_LISTED = 8


@dataclass(frozen=True)
class Difference:
    """Tensors that one end has and another lacks, or has differently.

    Attributes:
        kept: All tensors of the end that gives the layout.
        differing: The tensors of the other end that differ, by the first end's names (or their own, where that has
            none); None where the other end has none.
        total: How many tensors both have together.
        other: What the other end is called.
    """

    kept: Mapping[str, TensorInfo]
    differing: Mapping[str, TensorInfo | Adapter | None]
    total: int
    other: str


def describe(found: Difference) -> str:
    """The message: one sentence, then two columns."""
    order = [*(name for name in found.kept if name in found.differing)]
    order += [name for name in found.differing if name not in found.kept]
    rows = [("", "base", found.other)]
    rows += [(name, _cell(found.kept.get(name)), _cell(found.differing[name])) for name in order[:_LISTED]]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    if len(order) > _LISTED:
        lines.append(f"… and {len(order) - _LISTED} more")
    table = "\n  ".join(lines)
    return f"base and {found.other} disagree on {len(order)} of {found.total} tensors; {_mend(found)}\n  {table}"


def _mend(found: Difference) -> str:
    shared = {name for name in found.kept if found.differing.get(name, name) is not None}
    if not shared:
        return "they are different architectures, which cannot be merged"
    if all(_only_dtype(found.kept.get(name), change) for name, change in found.differing.items()):
        return "only the dtypes differ: say what the result is stored as, --dtype float32 (or bfloat16 …)"
    return "pass --missing base (or finetuned) to keep that end's wherever they differ"


def _only_dtype(info: TensorInfo | None, change: TensorInfo | Adapter | None) -> bool:
    return isinstance(change, TensorInfo) and info is not None and info.shape == change.shape


def _cell(change: TensorInfo | Adapter | None) -> str:
    if change is None:
        return "–"
    if isinstance(change, Adapter):
        return f"LoRA of rank {change.rank} for {[change.b.shape[0], change.a.shape[1]]}"
    return f"{change.dtype} {list(change.shape)}"
