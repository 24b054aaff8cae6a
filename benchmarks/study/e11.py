"""E11, why: is the way of finetuning straight, how large is each component's update, and is averaging weights more
than averaging outputs?
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from retain.evaluate.player import Floats, Player
from retain.evaluate.source import torch_player
from retain.policy import Policy, load_policy, resolve
from retain.worlds import TABLETOP, World
from safetensors.numpy import load_file

from study.measure import COMPONENTS, Candidate, Cell, measure, merged
from study.pieces import Training, train_all
from study.protocol import BASE, SEEDS, TARGETS
from study.recipes import CO_FT, TASK_FT
from study.results import write_json, write_outcomes
from study.statistics import difference, mean
from study.store import Store

ALPHAS = (0.4, 0.6, 0.8)
SUITES = {"id": 30, "ood-position": 34, "generalist": 30}
TARGET = TARGETS[0]
HALF = 80

Weights = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class OutputMean:
    """Two policies asked with the same noise, their chunks averaged: twice the inference that a merge costs.

    Attributes:
        key: Names it in the store.
        finetuned: The policy at α = 1.
        alpha: Its weight.
    """

    key: str
    finetuned: Path
    alpha: float

    def open(self, world: World = TABLETOP) -> Player:
        """Load both."""
        both = _Both(load_policy(BASE), load_policy(self.finetuned), self.alpha)
        return torch_player(cast(Policy, both), world=world)

    def fingerprint(self) -> str:
        """The key."""
        return self.key


class _Both:
    """What a player asks of a policy, answered by the mean of two."""

    def __init__(self, first: Policy, second: Policy, alpha: float) -> None:
        self.spec, self._both, self._alpha = first.spec, (first, second), alpha

    def predict_chunk(self, *observation: Any) -> Floats:
        first, second = (policy.predict_chunk(*observation) for policy in self._both)
        chunk: Floats = (1 - self._alpha) * first + self._alpha * second
        return chunk


def averaged(seed: int, alpha: float) -> Candidate:
    """The mean of outputs at α."""
    one = Training(TASK_FT, TARGET, seed)
    return cast(Candidate, OutputMean(f"{one.key}@outputs{alpha:g}", one.path, alpha))


def interpolated(seed: int, alpha: float) -> Candidate:
    """The mean of weights at α."""
    one = Training(TASK_FT, TARGET, seed)
    return merged(one.key, one.path, alpha)


def run(workers: int, say: Callable[[str], None]) -> None:
    """Train what is missing, measure both kinds of mean, look at the weights."""
    train_all([Training(recipe, t, s) for recipe in (TASK_FT, CO_FT) for t in TARGETS for s in SEEDS], workers, say)
    wanted = [
        Cell(kind(seed, alpha), TARGET, seed, suite, n)
        for kind in (interpolated, averaged)
        for seed in SEEDS
        for alpha in ALPHAS
        for suite, n in SUITES.items()
    ]
    kept = measure(wanted, workers, say)
    write_outcomes("E11", wanted, kept)
    write_json("E11", {"means": _means(kept), "weights": [_geometry(r, t) for r in (TASK_FT, CO_FT) for t in TARGETS]})


def _means(kept: Store) -> list[dict[str, Any]]:
    rows = []
    for alpha in ALPHAS:
        for suite, n in SUITES.items():
            weights, outputs = (
                [kept.successes(Cell(kind(seed, alpha), TARGET, seed, suite, n).place, n) for seed in SEEDS]
                for kind in (interpolated, averaged)
            )
            rows.append(
                {"alpha": alpha, "suite": suite, "weights": vars(mean(weights)), "outputs": vars(mean(outputs))}
                | {"weights - outputs": vars(difference(outputs, weights))}
            )
    return rows


def _geometry(recipe: Any, target: str) -> dict[str, Any]:
    """Means over seeds: ‖τ‖/‖θ‖ by component, and the cosine between the two halves of the way."""
    start = load_file(resolve(BASE) / "model.safetensors")
    rows = []
    for seed in SEEDS:
        one = Training(recipe, target, seed)
        half, end = (load_file(one.copy(step) / "model.safetensors") for step in (HALF, recipe.config.steps))
        row: dict[str, float] = {}
        for part in COMPONENTS:
            size = np.linalg.norm(_flat(start, part))
            row[f"{part}: update / weights"] = float(np.linalg.norm(_flat(end, part) - _flat(start, part)) / size)
            row[f"{part}: cosine of halves"] = _cosine(
                _flat(half, part) - _flat(start, part), _flat(end, part) - _flat(half, part)
            )
        rows.append(row)
    return {"recipe": recipe.name, "target": target} | {
        name: float(np.mean([row[name] for row in rows])) for name in rows[0]
    }


def _flat(weights: Weights, part: str) -> NDArray[np.float64]:
    return np.concatenate([weights[name].ravel() for name in sorted(weights) if name.startswith(part)]).astype(float)


def _cosine(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))
