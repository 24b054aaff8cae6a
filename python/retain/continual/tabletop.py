"""The gate's exam on the tabletop: the generalist suite, and every skill where it was demonstrated."""

from collections.abc import Callable, Sequence
from pathlib import Path

from retain.continual.gate import Marks
from retain.continual.store import MEASUREMENTS, slug
from retain.errors import ContinualError, EvaluationError, PolicyError, SimulationError, require
from retain.evaluate import evaluate
from retain.evaluate.source import PolicySource
from retain.sim import DEMO_SKILL, Skill, parse_instruction

GENERALIST = "generalist"
IN_DISTRIBUTION = "id"

SEED = 9000
"""The gate has episodes of its own: a policy that passed on these is then evaluated on others."""


class TabletopExam:
    """Success in the same episodes for every policy. Outcomes are kept, so that no policy does an episode twice.

    Args:
        root: The line's directory.
        n: Episodes per suite and skill.
        workers: Processes.
        progress: Called with the number of episodes just done, or found done.
    """

    whole: str | None = GENERALIST
    by_skill = True

    def __init__(self, root: Path, n: int, *, workers: int = 1, progress: Callable[[int], None] | None = None) -> None:
        self._folder = root.resolve() / MEASUREMENTS
        self._n, self._workers, self._progress = n, workers, progress

    def check(self, policy: Path, instructions: Sequence[str]) -> None:
        """Load the policy and understand the instructions.

        Raises:
            ContinualError: An instruction is no skill of the tabletop, or the policy does not fit its arm.
        """
        require("mujoco", extra="sim")
        for words in instructions:
            _skill(words)
        try:
            PolicySource(policy).open()
        except (PolicyError, EvaluationError) as error:
            raise ContinualError(_instead(str(policy), error)) from error

    def marks(self, policies: Sequence[Path], instruction: str | None) -> list[Marks]:
        """Whether each episode succeeded, bool [n] by policy."""
        skill, suite = (DEMO_SKILL, GENERALIST) if instruction is None else (_skill(instruction), IN_DISTRIBUTION)
        sources = [PolicySource(policy) for policy in policies]
        # Whatever changes a policy changes its name here, so old outcomes never stand for a new policy.
        names = [source.fingerprint()[:16] for source in sources]
        result = evaluate(
            dict(zip(names, sources, strict=True)),
            [suite],
            skill,
            self._n,
            seed=SEED,
            workers=self._workers,
            path=self._folder / f"{slug(instruction or GENERALIST)}.parquet",
            progress=self._progress,
        )
        return [result.successes(name, suite) for name in names]


def _skill(instruction: str) -> Skill:
    try:
        return parse_instruction(instruction)
    except SimulationError as error:
        raise ContinualError(_instead(repr(instruction), error)) from error


def _instead(what: str, error: Exception) -> str:
    return f"the gate cannot measure {what} on the tabletop ({error}); give --score COMMAND, or --no-gate"
