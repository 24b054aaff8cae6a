"""Refusing weights that are infinite or not numbers, by name."""

import math

from retain._core import merge as core
from retain.errors import MergeError
from retain.merge.plan import MergePlan
from retain.merge.stream import Streamed
from retain.merge.work import Work

_LISTED = 4


def check_finite(plan: MergePlan, streamed: Streamed) -> None:
    """Refuse a merge whose tensors are not all finite.

    Args:
        plan: What was carried out.
        streamed: What the core found.

    Raises:
        MergeError: Some are not; the message names tensors, the first element of each, and the end that holds it.
    """
    problem = finite_problem(plan, streamed)
    if problem is not None:
        raise MergeError(f"{problem}; nothing was written, take an earlier checkpoint of that end")


def finite_problem(plan: MergePlan, streamed: Streamed) -> str | None:
    """Which weights are NaN or infinite, in words; None if all are finite."""
    pairs = zip(streamed.work, streamed.results, strict=True)
    bad = [(work, result) for work, result in pairs if result.not_finite]
    if not bad:
        return None
    count = sum(result.not_finite for _, result in bad)
    shown = "; ".join(_where(plan, work, result) for work, result in bad[:_LISTED])
    more = f"; and {len(bad) - _LISTED} more tensors" if len(bad) > _LISTED else ""
    return f"{count} weights in {len(bad)} tensors are NaN or infinite: {shown}{more}"


def _where(plan: MergePlan, work: Work, result: core.ItemResult) -> str:
    assert result.first_not_finite is not None
    element, origin, number = result.first_not_finite
    unit = plan.units[work.unit]
    place = f"{unit.name}{list(_unravel(element, unit.source.shape))}"
    if origin == core.Origin.MERGED:
        return f"{place} does not fit {unit.dtype} although all ends are finite there"
    end = work.ends[number] + 1 if origin == core.Origin.FINETUNED else work.read_end
    if end == 0:
        return f"{place} of the base end"
    return f"{place} of the finetuned end" + (f" {plan.finetuned[end - 1].path}" if len(plan.finetuned) > 1 else "")


def _unravel(element: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The index of an element that is counted in row-major order."""
    index = []
    for axis in range(len(shape)):
        below = math.prod(shape[axis + 1 :])
        index.append(element // below)
        element %= below
    return tuple(index)
