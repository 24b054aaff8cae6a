"""Candidates between two policies, each merged in memory and let do the same episodes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from retain.choose.candidate import BASE, FINETUNED, Candidate, distinct
from retain.evaluate.interpolate import Alpha
from retain.evaluate.protocol import SIMS_PER_WORKER, evaluate
from retain.evaluate.result import EvaluationResult
from retain.evaluate.source import InterpolatedSource
from retain.sim import Skill

VALIDATION = "ood-val"
GENERALIST = "generalist"
SUITES = ("id", VALIDATION, GENERALIST)
"""What a candidate is tried on. `id` is for information: the rule does not look at it."""


@dataclass(frozen=True)
class Sweep:
    """Candidates with their outcomes.

    Attributes:
        candidates: In the order they were tried; the base and the finetuned policy are always among them.
        result: Outcomes; policies are named after the candidates.
    """

    candidates: tuple[Candidate, ...]
    result: EvaluationResult


@dataclass(frozen=True)
class Rollouts:
    """How a candidate is tried. Nothing but `base`, `finetuned`, `skill`, `suites`, `n` and `seed` changes a count.

    Attributes:
        base: α = 0.
        finetuned: α = 1.
        skill: What the suites are about.
        n: Episodes per suite.
        suites: Names from `retain.sim.SUITES`.
        seed: Decides the episodes, the same for every candidate.
        workers: Processes.
        ray: Address of a Ray cluster that plays the episodes instead; "local" starts one on this machine.
        sims: Simulations beside each other per process.
        path: Where outcomes are kept as they come. Episodes that this file already holds are not run again.
    """

    base: Path
    finetuned: Path
    skill: Skill
    n: int
    suites: Sequence[str] = SUITES
    seed: int = 0
    workers: int = 1
    ray: str | None = None
    sims: int = SIMS_PER_WORKER
    path: Path | None = None

    def run(self, candidates: Sequence[Candidate], progress: Callable[[int], None] | None = None) -> EvaluationResult:
        """Let the candidates do the episodes.

        Args:
            candidates: Each once.
            progress: Called with the number of episodes just done.

        Raises:
            EvaluationError: A number is impossible, or the file is of another sweep.
            MergeError: The two ends cannot be merged.
        """
        sources = {one.name: InterpolatedSource(self.base, self.finetuned, one.alpha) for one in candidates}
        return evaluate(
            sources, self.suites, self.skill, self.n, seed=self.seed, workers=self.workers, ray=self.ray,
            sims=self.sims, path=self.path, progress=progress,
        )  # fmt: skip


def planned(alphas: Sequence[Alpha]) -> tuple[Candidate, ...]:
    """The candidates of a sweep over these α, each once, both ends added where they are missing.

    Raises:
        EvaluationError: An α is impossible.
    """
    return distinct([BASE, *map(Candidate.of, alphas), FINETUNED])


def sweep(rollouts: Rollouts, alphas: Sequence[Alpha], progress: Callable[[int], None] | None = None) -> Sweep:
    """Try policies between two; both ends are added where they are missing.

    Args:
        rollouts: How each is tried.
        alphas: Which.
        progress: Called with the number of episodes just done.

    Raises:
        EvaluationError: An α is impossible, a number is, or the file is of another sweep.
        MergeError: The two ends cannot be merged.
    """
    candidates = planned(alphas)
    return Sweep(candidates, rollouts.run(candidates, progress))
