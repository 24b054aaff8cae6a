"""The outcomes of an evaluation, every single one, and their file."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from retain.errors import EvaluationError
from retain.evaluate.rollout import Outcome
from retain.evaluate.statistics import Rate, Successes, wilson

SCHEMA = 1

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

    def as_json(self) -> dict[str, Any]:
        """Everything as plain lists and dictionaries."""
        return {
            "schema": SCHEMA,
            "skill": self.skill,
            "seed": self.seed,
            "policies": [
                {
                    "name": name,
                    "fingerprint": policy.fingerprint,
                    "outcomes": {suite: _columns(cell) for suite, cell in policy.suites.items()},
                }
                for name, policy in self.policies.items()
            ],
        }

    def save(self, path: Path) -> None:
        """Write the results; a run killed meanwhile leaves the old file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
        partial.write_text(json.dumps(self.as_json(), indent=1) + "\n", encoding="utf-8")
        partial.replace(path)


def load_result(path: Path) -> EvaluationResult:
    """Read what `save` wrote.

    Raises:
        EvaluationError: The file is missing or was not written by an evaluation.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value["schema"] != SCHEMA:
            raise EvaluationError(f"{path} has schema {value['schema']}; this version reads {SCHEMA}, run it again")
        result = EvaluationResult(str(value["skill"]), int(value["seed"]))
        for policy in value["policies"]:
            suites = {suite: _cell(columns) for suite, columns in policy["outcomes"].items()}
            result.policies[policy["name"]] = PolicyOutcomes(policy["fingerprint"], suites)
    except OSError as error:
        raise EvaluationError(f"{path} cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise EvaluationError(f"{path} holds no evaluation results ({error!r}); give another -o file") from error
    return result


def _columns(cell: Cell) -> dict[str, list[Any]]:
    order = sorted(cell)
    return {
        "index": order,
        "seed": [cell[index].seed for index in order],
        "skill": [cell[index].skill for index in order],
        "success": [int(cell[index].success) for index in order],
        "steps": [cell[index].steps for index in order],
    }


def _cell(columns: Mapping[str, list[Any]]) -> Cell:
    names = ("index", "seed", "skill", "success", "steps")
    rows = zip(*(columns[name] for name in names), strict=True)
    return {index: Outcome(seed, skill, bool(success), steps) for index, seed, skill, success, steps in rows}
