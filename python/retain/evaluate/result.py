"""The outcomes of an evaluation, every single one."""

from dataclasses import dataclass, field

import numpy as np

from retain.errors import EvaluationError
from retain.evaluate.rollout import Outcome
from retain.evaluate.statistics import Rate, Successes, wilson

Cell = dict[int, Outcome]
"""Outcomes of one policy on one suite by the episode's index."""


@dataclass
class PolicyOutcomes:
    """What one policy did.

    Attributes:
        fingerprint: Hash of everything its decisions depend on.
        suites: Outcomes per suite.
    """

    fingerprint: str
    suites: dict[str, Cell] = field(default_factory=dict)


@dataclass
class EvaluationResult:
    """Policies × suites × episodes.

    Attributes:
        skill: The skill that the suites are about, in words.
        seed: Decides the episodes.
        policies: By name, in the order they were given.
    """

    skill: str
    seed: int
    policies: dict[str, PolicyOutcomes] = field(default_factory=dict)

    def successes(self, policy: str, suite: str) -> Successes:
        """Bool [n] in the order of the episodes.

        Raises:
            EvaluationError: The policy was not evaluated on this suite.
        """
        cell = self.policies[policy].suites.get(suite) if policy in self.policies else None
        if not cell:
            raise EvaluationError(f"there are no episodes of {policy!r} on {suite!r} in these results")
        return np.array([cell[index].success for index in sorted(cell)])

    def rate(self, policy: str, suite: str) -> Rate:
        """Success rate with Wilson's 95 % interval."""
        successes = self.successes(policy, suite)
        return wilson(int(successes.sum()), len(successes))

    @property
    def suites(self) -> list[str]:
        """All suites that any policy was evaluated on, in order of appearance."""
        return list(dict.fromkeys(suite for policy in self.policies.values() for suite in policy.suites))
