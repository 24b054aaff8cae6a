"""E3, success over α between the base and the policy finetuned on the demonstrations alone, for each kind of shift."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from study.measure import Candidate, Cell, base, measure, merged
from study.pieces import Training, train_all
from study.protocol import ALPHAS, OOD_TEST, SEEDS, TARGETS, TEST_N, VALIDATION, VALIDATION_N
from study.recipes import TASK_FT
from study.results import write_json, write_outcomes
from study.statistics import Group, mean
from study.store import Store

SUITES = {VALIDATION: VALIDATION_N} | {suite: TEST_N[suite] for suite in ("id", *OOD_TEST, "generalist")}

COLUMNS = {**{suite: (suite,) for suite in SUITES}, "ood-test": OOD_TEST}
"""Column of the tables → suites that it pools."""


def policy(target: str, seed: int, alpha: float) -> Candidate:
    """The merge at α; 0 is the base."""
    one = Training(TASK_FT, target, seed)
    return base() if alpha == 0 else merged(one.key, one.path, alpha)


def cells(target: str, seed: int) -> list[Cell]:
    """Everything that is measured for one target and seed."""
    return [
        Cell(policy(target, seed, alpha), target, seed, suite, n) for alpha in ALPHAS for suite, n in SUITES.items()
    ]


def outcomes(kept: Store, target: str, seed: int, alpha: float, suites: Iterable[str]) -> Group:
    """Bool [n]: the outcomes at α on some suites, one after the other."""
    found = [Cell(policy(target, seed, alpha), target, seed, suite, SUITES[suite]) for suite in suites]
    return np.concatenate([kept.successes(cell.place, cell.n) for cell in found])


def run(workers: int, say: Callable[[str], None]) -> None:
    """Train what is missing, measure, write the results."""
    pairs = [(target, seed) for target in TARGETS for seed in SEEDS]
    train_all([Training(TASK_FT, *pair) for pair in pairs], workers, say)
    wanted = [cell for pair in pairs for cell in cells(*pair)]
    kept = measure(wanted, workers, say)
    write_outcomes("E3", wanted, kept)
    write_json("E3", tables(kept))


def tables(kept: Store) -> dict[str, Any]:
    """Success over α by column, over all targets and for each."""

    def curve(targets: Iterable[str], column: str) -> list[dict[str, Any]]:
        points = []
        for alpha in ALPHAS:
            groups = [outcomes(kept, target, seed, alpha, COLUMNS[column]) for target in targets for seed in SEEDS]
            counts = {"successes": int(sum(group.sum() for group in groups)), "n": int(sum(map(len, groups)))}
            points.append({"alpha": alpha} | counts | vars(mean(groups)))
        return points

    return {
        "all": {column: curve(TARGETS, column) for column in COLUMNS},
        "by_target": {target: {column: curve([target], column) for column in COLUMNS} for target in TARGETS},
    }
