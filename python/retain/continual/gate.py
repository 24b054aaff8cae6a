"""The gate: whether a change may become the line's policy, by what it costs the old skills on the same episodes.

What was learnt before is two things, and each has an allowance: `whole`, what the base could do (the generalist suite,
or a command's number), and the earlier skills, all their episodes together.

1. Refused is a change that costs one of the two more points than allowed, by the difference that was measured. With few
   episodes that is partly chance, and the verdict says so when the interval reaches to both sides of the allowance.
2. Refused is also a change that *demonstrably* costs a single earlier skill more than allowed, which a mean over many
   would hide: the lower end of the interval, corrected for the number of skills (Bonferroni), lies beyond it.

The interval of a difference of paired rates is Wald's after one success was added to each way of disagreeing (Bonett
and Price 2012): a bootstrap would call a handful of episodes without a difference certainty.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retain.errors import ContinualError

Marks = NDArray[np.bool_] | float
"""How a policy did: bool [n] by episode, or a number of a user's command (higher is better)."""

CONFIDENCE = 0.95
EARLIER = "earlier skills"
_MANY = 20_000
"""Episodes, beyond which a number of them is no advice any more."""


@dataclass(frozen=True)
class Cell:
    """One thing that was measured before and after a change.

    Attributes:
        name: A skill's, "generalist" or "score".
        of_skill: Whether it is about an earlier skill, and not about what the base could do.
        before, after: On the same episodes.
    """

    name: str
    of_skill: bool
    before: Marks
    after: Marks


@dataclass(frozen=True)
class Loss:
    """What a change cost, in points of success (percent), or in the command's own units.

    Attributes:
        name: What it is about.
        before, after: Success rates times 100, or numbers.
        value: before − after.
        low, high: Interval of the loss; None for a command's number, which has none.
        n: Episodes; None for a command's number.
    """

    name: str
    before: float
    after: float
    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None


@dataclass(frozen=True)
class Verdict:
    """What the gate found.

    Attributes:
        accepted: Whether the change may be made.
        max_loss: What was allowed, in points.
        losses: Of `whole`, of the earlier skills together, and of each of them.
        reasons: Why it was refused, one sentence each.
        remarks: Where there were too few episodes to tell.
        learnt: The new skill before and after; None if there is none.
    """

    accepted: bool
    max_loss: float
    losses: tuple[Loss, ...]
    reasons: tuple[str, ...]
    remarks: tuple[str, ...]
    learnt: Loss | None = None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


def judge(cells: Sequence[Cell], max_loss: float, learnt: Cell | None = None) -> Verdict:
    """Apply the rule of this module's first lines.

    Args:
        cells: What must be kept.
        max_loss: Points that may be lost, 0 or more.
        learnt: The new skill; it has no part in the decision.

    Raises:
        ContinualError: The allowance is negative, or before and after are not of the same episodes.
    """
    if not max_loss >= 0.0:
        raise ContinualError(f"the allowed loss is {max_loss:g} points; it must be 0 or more")
    skills = [cell for cell in cells if cell.of_skill]
    groups = [loss_of(cell) for cell in cells if not cell.of_skill]
    single = len(skills) == 1
    if skills:
        groups.append(loss_of(skills[0] if single else _together(skills)))
    confidence = 1.0 - (1.0 - CONFIDENCE) / max(len(skills), 1)
    singles = [] if single else [loss_of(cell, confidence) for cell in skills]
    too_much = [loss for loss in groups if loss.value > max_loss + 1e-9]
    reasons = [f"{loss.name}: {loss_text(loss)}, and {max_loss:g} are allowed" for loss in too_much]
    reasons += [
        f"{loss.name}: {loss_text(loss)}, certainly more than {max_loss:g}"
        for loss in singles
        if loss.low is not None and loss.low > max_loss
    ]
    remarks = [remark for loss in groups if (remark := _too_few(loss, max_loss))]
    after = None if learnt is None else loss_of(learnt)
    return Verdict(not reasons, max_loss, (*groups, *singles), tuple(reasons), tuple(remarks), after)


def loss_of(cell: Cell, confidence: float = CONFIDENCE) -> Loss:
    """What one thing lost.

    Raises:
        ContinualError: Before and after are not of the same kind.
    """
    before, after = cell.before, cell.after
    if isinstance(before, float) and isinstance(after, float):
        return Loss(cell.name, before, after, before - after)
    if isinstance(before, float) or isinstance(after, float):
        raise ContinualError(f"{cell.name} was measured by episodes once and by a number once; measure both alike")
    if before.shape != after.shape or not before.size:
        raise ContinualError(
            f"{cell.name} was measured in {len(before)} and {len(after)} episodes; expected the same ones"
        )
    gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
    n = len(before)
    low, high = _interval(gained, lost, n, confidence)
    return Loss(
        cell.name, 100 * float(before.mean()), 100 * float(after.mean()), 100 * (lost - gained) / n, low, high, n
    )


def loss_text(loss: Loss) -> str:
    """Such as "80 → 72 %, a loss of 8 points [-1, 17] in 100 episodes"."""
    if loss.n is None or loss.low is None or loss.high is None:
        return f"{loss.before:g} → {loss.after:g}, a loss of {loss.value:g}"
    return (
        f"{loss.before:.0f} → {loss.after:.0f} %, a loss of {loss.value:.3g} points "
        f"[{loss.low:.0f}, {loss.high:.0f}] in {loss.n} episodes"
    )


def _together(skills: Sequence[Cell]) -> Cell:
    """All skills as one; a command's numbers are averaged."""
    before, after = [cell.before for cell in skills], [cell.after for cell in skills]
    if any(isinstance(marks, float) for marks in (*before, *after)):
        return Cell(EARLIER, True, _mean(before), _mean(after))
    return Cell(EARLIER, True, np.concatenate(before), np.concatenate(after))


def _mean(numbers: Sequence[Marks]) -> float:
    return sum(float(np.mean(number)) for number in numbers) / len(numbers)


def _interval(gained: int, lost: int, n: int, confidence: float) -> tuple[float, float]:
    """Of the loss, in points: Bonett and Price's adjusted Wald interval for paired proportions, cut at ±100."""
    p, q = (lost + 1) / (n + 2), (gained + 1) / (n + 2)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    half = z * math.sqrt((p + q - (p - q) ** 2) / (n + 2))
    return 100 * max(p - q - half, -1.0), 100 * min(p - q + half, 1.0)


def _too_few(loss: Loss, max_loss: float) -> str | None:
    """One sentence if the episodes cannot tell on which side of the allowance the loss is."""
    if loss.n is None or loss.low is None or loss.high is None or not loss.low <= max_loss < loss.high:
        return None
    half, distance = (loss.high - loss.low) / 2, abs(loss.value - max_loss)
    needed = loss.n * (half / distance) ** 2 if distance > 0 else math.inf
    told = f"about {math.ceil(needed / 10) * 10}" if needed <= _MANY else "very many"
    return (
        f"{loss.name}: {loss.n} episodes cannot tell whether more than {max_loss:g} points were lost "
        f"[{loss.low:.0f}, {loss.high:.0f}]; that takes {told}"
    )
