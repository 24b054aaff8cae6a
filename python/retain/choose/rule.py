"""The rule that takes one α out of a sweep. It was fixed before any sweep was run:

1. Admissible is an α whose generalist success is at most `tolerance` below the base's on the same episodes.
2. Among these, the best is the one with the highest success on the OOD validation suite.
3. Taken is the admissible α nearest the finetuned policy that the OOD validation episodes cannot tell from the best:
   it disagrees with the best by no more than one standard error of the paired difference, |b − c| ≤ √(b + c).
   Merging pays with in-distribution success, so of equals the most finetuned one is taken.

Only the validation suite and the generalist are looked at, never the ID or OOD test suites.
"""

import math
from dataclasses import dataclass

from retain.choose.candidate import BASE, Candidate
from retain.choose.sweep import GENERALIST, VALIDATION, Sweep
from retain.errors import EvaluationError
from retain.evaluate.result import EvaluationResult
from retain.evaluate.statistics import discordant

TOLERANCE = 0.05
"""Generalist success that may be given up, as a share."""


@dataclass(frozen=True)
class Choice:
    """What the rule took, and why.

    Attributes:
        candidate: The α to merge with.
        best: The admissible candidate with the highest OOD validation success.
        admissible: Candidates that keep the generalist.
        tolerance: Generalist success that was allowed to be given up, as a share.
        reason: One sentence.
    """

    candidate: Candidate
    best: Candidate
    admissible: tuple[Candidate, ...]
    tolerance: float
    reason: str


def check_tolerance(tolerance: float) -> None:
    """Whether the tolerance is a share.

    Raises:
        EvaluationError: It is not.
    """
    if not 0.0 <= tolerance <= 1.0:
        raise EvaluationError(f"the tolerance is {100 * tolerance:g} points of success; expected 0 to 100")


def rule_words(tolerance: float) -> str:
    """The rule in a sentence."""
    return (
        f"of the α that keep the generalist within {100 * tolerance:g} points of the base, the one nearest the"
        f" finetuned policy that {VALIDATION} cannot tell from the best: they differ by no more than one standard error"
        " of the paired difference"
    )


def choose(swept: Sweep, tolerance: float = TOLERANCE) -> Choice:
    """Apply the rule of this module's first lines.

    Raises:
        EvaluationError: The sweep lacks the validation suite, the generalist or the base, or the tolerance is no share.
    """
    check_tolerance(tolerance)
    result = swept.result
    if BASE not in swept.candidates:
        raise EvaluationError("choosing α needs the base (α = 0) in the sweep, to know what is to be kept")
    kept = result.rate(BASE.name, GENERALIST).value
    admissible = tuple(
        one for one in swept.candidates if result.rate(one.name, GENERALIST).value >= kept - tolerance - 1e-9
    )
    best = max(admissible, key=lambda one: (result.rate(one.name, VALIDATION).value, one.finetuned_share))
    equals = [one for one in admissible if _cannot_tell(result, best, one)]
    taken = max(equals, key=lambda one: one.finetuned_share)
    rate = result.rate(best.name, VALIDATION)
    reason = (
        f"{best.name} is best on {VALIDATION} ({rate.successes}/{rate.n}) among the {len(admissible)} of"
        f" {len(swept.candidates)} that keep the generalist within {100 * tolerance:g} points of the base"
    )
    if taken != best:
        reason += f"; {taken.name} is within one standard error of it and nearer the finetuned policy"
    return Choice(taken, best, admissible, tolerance, reason)


def _cannot_tell(result: EvaluationResult, best: Candidate, other: Candidate) -> bool:
    gained, lost = discordant(result.successes(best.name, VALIDATION), result.successes(other.name, VALIDATION))
    return abs(gained - lost) <= math.sqrt(gained + lost)
