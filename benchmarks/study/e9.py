"""E9, other ways to merge at equal tuning: four settings each, chosen on the validation suite."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from study.measure import COMPONENTS, Candidate, Cell, measure
from study.pieces import Training, train_all
from study.protocol import BASE, OOD_TEST, TARGETS, TEST_N, VALIDATION, VALIDATION_N, better
from study.recipes import TASK_FT
from study.results import write_json, write_outcomes
from study.statistics import Group, difference, mean
from study.store import Store

SEEDS = (0, 1)
Settings = tuple[float, tuple[tuple[str, Any], ...]]
"""α and the rest of the recipe."""


def _each(alphas: tuple[float, ...], **recipe: Any) -> list[Settings]:
    return [(alpha, tuple(recipe.items())) for alpha in alphas]


METHODS: Mapping[str, list[Settings]] = {
    "linear": _each((0.2, 0.4, 0.6, 0.8)),
    "SLERP": _each((0.2, 0.4, 0.6, 0.8), method="slerp"),
    "TIES": [*_each((0.6, 1.0), method="ties", density=0.2), *_each((0.6, 1.0), method="ties", density=0.5)],
    "DARE": [
        *_each((0.4, 0.7), method="dare_linear", density=0.5, seed=0),
        *_each((0.4, 0.7), method="dare_linear", density=0.1, seed=0),
    ],
    "LiNeS": [*_each((0.5, 0.9), depth=(0.25, 1.0)), *_each((0.5, 0.9), depth=(1.0, 0.25))],
}
"""LiNeS scales the update from its first to its last layer, here upwards and downwards."""


def policy(target: str, seed: int, setting: Settings) -> Candidate:
    """A merge of the policy finetuned on the demonstrations alone."""
    one, (alpha, recipe) = Training(TASK_FT, target, seed), setting
    told = "-".join(f"{name}={value}" for name, value in recipe) or "linear"
    key = f"{one.key}@{alpha:g}" + (f"/{told}" if recipe else "")
    return Candidate(key, BASE, (one.path,), tuple(dict.fromkeys(COMPONENTS, alpha).items()), recipe)


def chosen(method: str, target: str, seed: int, kept: Store) -> Candidate:
    """What the validation suite picks."""

    def rank(setting: Settings) -> tuple[float, float]:
        cell = Cell(policy(target, seed, setting), target, seed, VALIDATION, VALIDATION_N)
        return better(float(kept.successes(cell.place, cell.n).mean()), setting[0])

    return policy(target, seed, max(METHODS[method], key=rank))


def run(workers: int, say: Callable[[str], None]) -> None:
    """Train what is missing, choose, test, write the results."""
    pairs = [(target, seed) for target in TARGETS for seed in SEEDS]
    train_all([Training(TASK_FT, *pair) for pair in pairs], workers, say)
    tuning = [
        Cell(policy(*pair, setting), *pair, VALIDATION, VALIDATION_N)
        for pair in pairs
        for settings in METHODS.values()
        for setting in settings
    ]
    kept = measure(tuning, workers, say)
    suites = {suite: TEST_N[suite] for suite in ("id", *OOD_TEST, "generalist")}
    tests = [
        Cell(chosen(method, *pair, kept), *pair, suite, n)
        for pair in pairs
        for method in METHODS
        for suite, n in suites.items()
    ]
    measure(tests, workers, say)
    write_outcomes("E9", [*tuning, *tests], kept)
    write_json("E9", tables(kept))


def tables(kept: Store) -> dict[str, Any]:
    """Each method on the test suites, and its difference from linear merging."""
    columns = {"id": ("id",), "ood-test": OOD_TEST, "generalist": ("generalist",)}

    def groups(method: str, suites: tuple[str, ...]) -> list[Group]:
        found = []
        for target in TARGETS:
            for seed in SEEDS:
                taken = chosen(method, target, seed, kept)
                parts = [Cell(taken, target, seed, suite, TEST_N[suite]) for suite in suites]
                found.append(np.concatenate([kept.successes(cell.place, cell.n) for cell in parts]))
        return found

    table = {
        method: {name: vars(mean(groups(method, suites))) for name, suites in columns.items()} for method in METHODS
    }
    against = {
        method: {
            name: vars(difference(groups("linear", suites), groups(method, suites))) for name, suites in columns.items()
        }
        for method in METHODS
        if method != "linear"
    }
    return {"table": table, "against linear": against}
