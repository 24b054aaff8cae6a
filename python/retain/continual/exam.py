"""How the gate measures: on the tabletop, or by a command of the user's."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from retain.continual.gate import Marks
from retain.errors import ContinualError


class Exam(Protocol):
    """Measures policies. The same policies get the same marks every time."""

    @property
    def whole(self) -> str | None:
        """What the measure of everything that the base could do is called; None if there is none."""
        ...

    @property
    def by_skill(self) -> bool:
        """Whether single skills are measured too."""
        ...

    def check(self, policy: Path, instructions: Sequence[str]) -> None:
        """Make sure, before anything is trained, that all of it can be measured.

        Raises:
            RetainError: It cannot.
        """
        ...

    def marks(self, policies: Sequence[Path], instruction: str | None) -> list[Marks]:
        """Measure policies on the same episodes.

        Args:
            policies: Policy directories.
            instruction: The skill; None measures the whole.

        Returns:
            One for each policy.
        """
        ...


class ScoreExam:
    """One number by policy, or by policy and skill, from outside.

    Args:
        score: Judges a policy directory: higher is better. It is given the skill's instruction, or None.
        by_skill: Whether it judges skills one by one, and not the policy as a whole.
    """

    def __init__(self, score: Callable[[Path, str | None], float], *, by_skill: bool) -> None:
        self._score = score
        self.by_skill = by_skill
        self.whole = None if by_skill else "score"

    def check(self, policy: Path, instructions: Sequence[str]) -> None:
        """Nothing to check: what the command can measure is its own affair."""

    def marks(self, policies: Sequence[Path], instruction: str | None) -> list[Marks]:
        """The numbers.

        Raises:
            ContinualError: One is infinite or none, with which no loss can be computed.
        """
        found = [float(self._score(policy, instruction)) for policy in policies]
        for policy, number in zip(policies, found, strict=True):
            if not math.isfinite(number):
                raise ContinualError(f"the score of {policy} is {number}; expected a finite number")
        return [*found]
