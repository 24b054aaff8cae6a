"""Refusing weights that are infinite or not numbers, by name."""

import math
from collections.abc import Sequence

from retain._core import merge as core
from retain.errors import MergeError
from retain.merge.plan import MergePlan, PlannedTensor

_LISTED = 4


def check_finite(plan: MergePlan, results: Sequence[core.ItemResult]) -> None:
    """Refuse a merge whose tensors are not all finite.

    Args:
        plan: What was carried out.
        results: What the core found, one per tensor of the plan.

    Raises:
        MergeError: Some are not; the message names tensors, the first element of each, and the end that holds it.
    """
    bad = [(tensor, result) for tensor, result in zip(plan.tensors, results, strict=True) if result.not_finite]
    if not bad:
        return
    count = sum(result.not_finite for _, result in bad)
    shown = "; ".join(_where(tensor, result) for tensor, result in bad[:_LISTED])
    more = f"; and {len(bad) - _LISTED} more tensors" if len(bad) > _LISTED else ""
    raise MergeError(
        f"{count} weights in {len(bad)} tensors are NaN or infinite: {shown}{more}; nothing was written, "
        "take an earlier checkpoint of that end"
    )


def _where(tensor: PlannedTensor, result: core.ItemResult) -> str:
    assert result.first_not_finite is not None
    element, origin = result.first_not_finite
    place = f"{tensor.name}{list(_unravel(element, tensor.source.shape))}"
    if origin == core.Origin.MERGED:
        return f"{place} does not fit {tensor.dtype} although both ends are finite there"
    end = "finetuned" if origin == core.Origin.FINETUNED or tensor.source_end == "finetuned" else "base"
    return f"{place} of the {end} end"


def _unravel(element: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The index of an element that is counted in row-major order."""
    index = []
    for axis in range(len(shape)):
        below = math.prod(shape[axis + 1 :])
        index.append(element // below)
        element %= below
    return tuple(index)
