"""What is merged in one piece: a tensor, or one row of a tensor whose first axis lists independent parts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from retain.checkpoint import Adapter, TensorInfo
from retain.merge.compare import Change, Pair
from retain.merge.families import Family
from retain.merge.folding import Replacement

Source = Change | Replacement
"""One finetuned end of a unit: where its bytes are, a low-rank change, or values that folding computed."""


@dataclass(frozen=True)
class Unit:
    """A tensor, or one row of it.

    Attributes:
        tensor: The tensor's name.
        row: Which row of the first axis, or None for the whole tensor.
        base: The base's part, or None if the tensor is kept from the finetuned end.
        finetuned: Every finetuned end's part; None where that end has it as the base does.
    """

    tensor: str
    row: int | None
    base: TensorInfo | None
    finetuned: tuple[Source | None, ...]

    @property
    def name(self) -> str:
        """The tensor's name, with the row in brackets."""
        return self.tensor if self.row is None else f"{self.tensor}[{self.row}]"


def units_of(pair: Pair, family: Family | None, replacements: Sequence[Mapping[str, Replacement]]) -> Iterator[Unit]:
    """The units of a tensor.

    Args:
        pair: The tensor at all ends.
        family: Says which tensors are lists of independent parts (GR00T's embodiments, JAX's stacked layers).
        replacements: By finetuned end, tensors that folding has rewritten; empty if there are none.
    """
    rewritten = replacements if pair.base is not None and replacements else [{}] * len(pair.finetuned)
    ends: tuple[Source | None, ...] = tuple(
        rewritten[end].get(pair.name, change) for end, change in enumerate(pair.finetuned)
    )
    whole = pair.base if pair.base is not None else ends[0]
    assert isinstance(whole, TensorInfo)
    by_row = (
        family is not None
        and family.has_rows(pair.name)
        and len(whole.shape) > 1
        and not any(isinstance(end, Adapter) for end in ends)
    )
    if not by_row:
        yield Unit(pair.name, None, pair.base, ends)
        return
    for row in range(whole.shape[0]):
        yield Unit(pair.name, row, pair.base and _row(pair.base, row), tuple(end and _row_of(end, row) for end in ends))


def _row(info: TensorInfo, row: int) -> TensorInfo:
    step = info.nbytes // info.shape[0]
    return replace(info, shape=info.shape[1:], offset=info.offset + row * step, nbytes=step)


def _row_of(source: Source, row: int) -> Source:
    assert not isinstance(source, Adapter)
    if isinstance(source, TensorInfo):
        return _row(source, row)
    step = len(source.data) // source.shape[0]
    return replace(source, shape=source.shape[1:], data=source.data[row * step : (row + 1) * step])
