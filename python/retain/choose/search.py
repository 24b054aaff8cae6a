"""Bayesian search for α: Optuna's tree-structured Parzen estimator says which candidate to try next.

Maximised is success on the OOD validation suite, under the constraint that the generalist keeps within the tolerance of
the base. The estimator is Bergstra et al., "Algorithms for Hyper-Parameter Optimization" (NIPS 2011).

Nothing of the search itself is kept. It is seeded and sees counts alone, and those are kept: run again, it asks for the
same candidates in the same order, finds their outcomes, and goes on where it was interrupted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from retain.choose.candidate import BASE, FINETUNED, Candidate
from retain.choose.rule import TOLERANCE, check_tolerance
from retain.choose.sweep import GENERALIST, VALIDATION, Rollouts, Sweep
from retain.errors import EvaluationError, require
from retain.evaluate.interpolate import COMPONENTS
from retain.evaluate.result import EvaluationResult

STEPS = 20
"""α is a multiple of 1/20: a finer one cannot be told apart by hundreds of episodes."""

_RANDOM = 6
"""Candidates before the estimator takes over, both ends included."""

_ASKS_PER_TRIAL = 10
"""An estimator that is sure repeats itself; after so many repeats a trial goes unused."""


@dataclass(frozen=True)
class Space:
    """What the search varies.

    Attributes:
        per_component: One α per component; otherwise one for all weights.
    """

    per_component: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the numbers that are varied."""
        return COMPONENTS if self.per_component else ("alpha",)

    @property
    def size(self) -> int:
        """How many candidates there are."""
        return int((STEPS + 1) ** len(self.names))

    def candidate(self, steps: dict[str, int]) -> Candidate:
        """The candidate at these multiples of 1/STEPS."""
        values = {name: count / STEPS for name, count in steps.items()}
        return Candidate.of(values if self.per_component else values["alpha"])


def search(
    rollouts: Rollouts,
    trials: int,
    *,
    per_component: bool = False,
    tolerance: float = TOLERANCE,
    progress: Callable[[int], None] | None = None,
) -> Sweep:
    """Try candidates that Optuna asks for, both ends first.

    Args:
        rollouts: How each is tried; its seed is the search's too.
        trials: Different candidates to try, ends included.
        per_component: One α per component instead of one for all weights.
        tolerance: Generalist success that may be given up, as a share.
        progress: Called with the number of episodes just done.

    Returns:
        The candidates in the order in which they were tried. Fewer than `trials` where the search only repeats itself.

    Raises:
        EvaluationError: The number of trials or the tolerance is impossible, or as in `sweep`.
        MissingExtraError: Optuna is not installed.
    """
    check_tolerance(tolerance)
    space = Space(per_component)
    if not 3 <= trials <= space.size:
        raise EvaluationError(
            f"trials = {trials}; expected 3 (both ends and one between) to {space.size}, all there are"
        )
    result = EvaluationResult("", rollouts.seed)
    tried: dict[Candidate, None] = {}
    study = _study(space, rollouts.seed)
    distributions = _distributions(space)
    for _ in range(trials * _ASKS_PER_TRIAL):
        if len(tried) == trials:
            break
        trial = study.ask(distributions)
        candidate = space.candidate(trial.params)
        if candidate not in tried:
            found = rollouts.run([candidate], progress)
            result = EvaluationResult(found.skill, found.seed, result.policies | found.policies)
            tried[candidate] = None
        lost = result.rate(BASE.name, GENERALIST).value - result.rate(candidate.name, GENERALIST).value
        trial.set_constraint("generalist", lost - tolerance - 1e-9)  # kept where it is not above 0
        study.tell(trial, result.rate(candidate.name, VALIDATION).value)
    return Sweep(tuple(tried), result)


def _study(space: Space, seed: int) -> Any:
    optuna = require("optuna", "sweep")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_RANDOM)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for end in (BASE, FINETUNED):
        study.enqueue_trial(dict.fromkeys(space.names, round(STEPS * end.finetuned_share)))
    return study


def _distributions(space: Space) -> dict[str, Any]:
    optuna = require("optuna", "sweep")
    return {name: optuna.distributions.IntDistribution(0, STEPS) for name in space.names}
