"""E7, is the gain of merging only a matter of learning rate and steps: every setting of both, beside every α."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from study.e2 import INNER, MERGED, Option, options
from study.measure import Cell, measure, merged
from study.pieces import Training, train_all
from study.protocol import SEEDS, TARGETS, TEST_N
from study.recipes import CO_FT, CO_FT_HIGH, TASK_FT, TASK_FT_LOW
from study.results import write_json, write_outcomes
from study.statistics import Group, difference, mean
from study.store import Store

METHODS: Mapping[str, str] = {"task-FT, tuned": "task-FT", "co-FT, tuned": "co-FT"}
"""The methods of E2 whose learning rate and steps vary; and their names here."""

SUITES = {suite: TEST_N[suite] for suite in ("ood-position", "generalist")}
"""Moved blocks and old tasks. All shifts at every setting would take three times as long."""

MERGED_AT: Mapping[str, tuple[float, ...]] = {"RETAIN-task-FT": INNER, "RETAIN-co-FT": (0.5, 0.7, 0.9)}
"""α of the merges beside them; all of the first are there since E3."""

PAIRS = [(target, seed) for target in TARGETS for seed in SEEDS]


def settings(target: str, seed: int) -> dict[str, dict[str, Option]]:
    """Name → setting, in words → policy: finetuning's rates × steps, and merging's α."""
    found = {name: {one.told: one for one in options(method, target, seed)} for method, name in METHODS.items()}
    for method, recipe in MERGED.items():
        one = Training(recipe, target, seed)
        found[method] = {
            f"α = {alpha:g}": Option(merged(one.key, one.path, alpha), f"α = {alpha:g}", alpha)
            for alpha in MERGED_AT[method]
        }
    return found


def cells() -> list[Cell]:
    """Every setting of every pair, on both suites."""
    return [
        Cell(one.policy, target, seed, suite, n)
        for target, seed in PAIRS
        for by_setting in settings(target, seed).values()
        for one in by_setting.values()
        for suite, n in SUITES.items()
    ]


def run(workers: int, say: Callable[[str], None]) -> None:
    """Train what is missing, measure, write the results."""
    recipes = (TASK_FT, TASK_FT_LOW, CO_FT, CO_FT_HIGH)
    train_all([Training(recipe, *pair) for recipe in recipes for pair in PAIRS], workers, say)
    kept = measure(cells(), workers, say)
    write_outcomes("E7", cells(), kept)
    write_json("E7", {"settings": tables(kept)})


def tables(kept: Store) -> dict[str, Any]:
    """Success of every setting of every method on both suites, and each setting less RETAIN-task-FT at α = .7."""
    by_pair = {pair: settings(*pair) for pair in PAIRS}

    def groups(method: str, told: str, suite: str) -> list[Group]:
        n = SUITES[suite]
        return [
            np.asarray(kept.successes(Cell(found[method][told].policy, *pair, suite, n).place, n))
            for pair, found in by_pair.items()
        ]

    merge = {suite: groups("RETAIN-task-FT", "α = 0.7", suite) for suite in SUITES}

    def row(method: str, told: str) -> dict[str, Any]:
        here = {suite: groups(method, told, suite) for suite in SUITES}
        gaps = {suite: vars(difference(merge[suite], here[suite])) for suite in SUITES}
        return {suite: vars(mean(here[suite])) for suite in SUITES} | {"less RETAIN-task-FT at .7": gaps}

    return {method: {told: row(method, told) for told in by} for method, by in by_pair[PAIRS[0]].items()}
