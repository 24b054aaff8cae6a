"""Success over α, for all weights and component by component, and the rule that chooses α.

The rule, fixed before any sweep was run:

1. Admissible is an α whose generalist success is at most `tolerance` below the base's on the same episodes.
2. Among these, the best is the one with the highest success on the OOD validation suite.
3. Taken is the admissible α nearest the finetuned policy that the OOD validation episodes cannot tell from the best:
   it disagrees with the best by no more than one standard error of the paired difference, |b − c| ≤ √(b + c).
   Merging pays with in-distribution success, so of equals the most finetuned one is taken.

Only the validation suite and the generalist are looked at, never the ID or OOD test suites.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from retain.errors import EvaluationError
from retain.evaluate.interpolate import COMPONENTS, Alpha, per_component
from retain.evaluate.protocol import SIMS_PER_WORKER, evaluate
from retain.evaluate.result import EvaluationResult
from retain.evaluate.source import InterpolatedSource, alpha_pairs
from retain.evaluate.statistics import discordant
from retain.sim import Skill

VALIDATION = "ood-val"
GENERALIST = "generalist"
TOLERANCE = 0.05
"""Generalist success that may be given up, as a share."""

DEFAULT_ALPHAS = tuple(step / 10 for step in range(11))


@dataclass(frozen=True)
class Candidate:
    """One point of a sweep.

    Attributes:
        alpha: α of each component.
    """

    alpha: tuple[tuple[str, float], ...]

    @property
    def name(self) -> str:
        """Such as "α = 0.5", or "vision=0 language=1 action=0.5"."""
        values = dict(self.alpha)
        if len(set(values.values())) == 1:
            return f"α = {values[COMPONENTS[0]]:g}"
        return " ".join(f"{component}={value:g}" for component, value in values.items())

    @property
    def finetuned_share(self) -> float:
        """Mean α over the components: how near it is to the finetuned policy."""
        return sum(value for _, value in self.alpha) / len(self.alpha)


@dataclass(frozen=True)
class Sweep:
    """A line or a set of candidates with their outcomes.

    Attributes:
        candidates: In the order they were given; the base (α = 0) is always among them.
        result: Outcomes; policies are named after the candidates.
    """

    candidates: tuple[Candidate, ...]
    result: EvaluationResult


@dataclass(frozen=True)
class Choice:
    """What the rule took, and why.

    Attributes:
        candidate: The α to merge with.
        best: The admissible candidate with the highest OOD validation success.
        admissible: Candidates that keep the generalist.
        reason: One sentence.
    """

    candidate: Candidate
    best: Candidate
    admissible: tuple[Candidate, ...]
    reason: str


def line(alphas: Sequence[float] = DEFAULT_ALPHAS) -> list[Alpha]:
    """α for all weights together."""
    return list(alphas)


def by_component(alphas: Sequence[float] = (0.0, 0.5, 1.0)) -> list[Alpha]:
    """One component at each α while the others are the finetuned policy's, and each component finetuned alone."""
    varied = [dict.fromkeys(COMPONENTS, 1.0) | {name: alpha} for name in COMPONENTS for alpha in alphas if alpha < 1]
    alone = [{name: 1.0} for name in COMPONENTS]
    return [*varied, *alone]


def sweep(
    base: Path,
    finetuned: Path,
    alphas: Sequence[Alpha],
    suites: Sequence[str],
    *,
    skill: Skill,
    n: int,
    seed: int = 0,
    workers: int = 1,
    sims: int = SIMS_PER_WORKER,
    path: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> Sweep:
    """Evaluate policies between two; the base is added where it is missing. Arguments as in `evaluate`.

    Raises:
        EvaluationError: An α is impossible, or the two ends cannot be interpolated.
    """
    candidates = tuple(dict.fromkeys(Candidate(alpha_pairs(alpha)) for alpha in [0.0, *alphas]))
    sources = {one.name: InterpolatedSource(base, finetuned, one.alpha) for one in candidates}
    result = evaluate(sources, suites, skill, n, seed=seed, workers=workers, sims=sims, path=path, progress=progress)
    return Sweep(candidates, result)


def choose(swept: Sweep, tolerance: float = TOLERANCE) -> Choice:
    """Apply the rule of this module's first lines.

    Raises:
        EvaluationError: The sweep lacks the validation suite, the generalist or the base.
    """
    result, base = swept.result, Candidate(tuple(per_component(0.0).items()))
    if base not in swept.candidates:
        raise EvaluationError("choosing α needs the base (α = 0) in the sweep, to know what is to be kept")
    kept = result.rate(base.name, GENERALIST).value
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
    return Choice(taken, best, admissible, reason)


def _cannot_tell(result: EvaluationResult, best: Candidate, other: Candidate) -> bool:
    gained, lost = discordant(result.successes(best.name, VALIDATION), result.successes(other.name, VALIDATION))
    return abs(gained - lost) <= math.sqrt(gained + lost)
