"""E4, α of each component: the whole grid on one target, and on all targets what the language part alone does."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from study.measure import Candidate, Cell, measure, merged
from study.pieces import Training, train_all
from study.protocol import OOD_TEST, SEEDS, TARGETS, TEST_N, VALIDATION, VALIDATION_N, better
from study.recipes import TASK_FT
from study.results import write_json, write_outcomes
from study.statistics import Group, difference, mean
from study.store import Store

Alpha = tuple[float, float, float]
"""α of vision, language, action."""

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
GRID: tuple[Alpha, ...] = tuple(product(LEVELS, repeat=3))  # type: ignore[arg-type]
GRID_TARGET, GRID_SEED = TARGETS[0], 0
GRID_SUITES = {VALIDATION: 24, "generalist": 24}

LANGUAGE_ALONE = (0.25, 0.5, 0.75)
"""α of the language part, with vision and action finetuned; and of all three, to compare."""


def policy(target: str, seed: int, alpha: Alpha) -> Candidate:
    """The merge with one α per component."""
    one = Training(TASK_FT, target, seed)
    return merged(one.key, one.path, dict(zip(("vision", "language", "action"), alpha, strict=True)))


def grid_cells() -> list[Cell]:
    """Every combination on one target and seed."""
    return [
        Cell(policy(GRID_TARGET, GRID_SEED, alpha), GRID_TARGET, GRID_SEED, suite, n)
        for alpha in GRID
        for suite, n in GRID_SUITES.items()
    ]


def line(kind: str, alpha: float) -> Alpha:
    """Language alone at α, or all three."""
    return (1.0, alpha, 1.0) if kind == "language alone" else (alpha, alpha, alpha)


def chosen(kind: str, target: str, seed: int, kept: Store) -> float:
    """The α that the validation suite picks."""

    def rank(alpha: float) -> tuple[float, float]:
        cell = Cell(policy(target, seed, line(kind, alpha)), target, seed, VALIDATION, VALIDATION_N)
        return better(float(kept.successes(cell.place, cell.n).mean()), alpha)

    return max(LANGUAGE_ALONE, key=rank)


KINDS = ("language alone", "all weights")


def run(workers: int, say: Callable[[str], None]) -> None:
    """Train what is missing, measure, write the results."""
    pairs = [(target, seed) for target in TARGETS for seed in SEEDS]
    train_all([Training(TASK_FT, *pair) for pair in pairs], workers, say)
    tuning = [
        Cell(policy(target, seed, line(kind, alpha)), target, seed, VALIDATION, VALIDATION_N)
        for target, seed in pairs
        for kind in KINDS
        for alpha in LANGUAGE_ALONE
    ]
    kept = measure(tuning, workers, say)
    suites = {suite: TEST_N[suite] for suite in ("id", *OOD_TEST, "generalist")}
    tests = [
        Cell(policy(target, seed, line(kind, chosen(kind, target, seed, kept))), target, seed, suite, n)
        for target, seed in pairs
        for kind in KINDS
        for suite, n in suites.items()
    ]
    measure(tests, workers, say)
    measure(grid_cells(), workers, say)
    write_outcomes("E4", [*tuning, *tests, *grid_cells()], kept)
    write_json("E4", tables(kept))


def tables(kept: Store) -> dict[str, Any]:
    """The grid, what each component's α does on average, and language alone against all weights."""
    cells = {(alpha, suite): Cell(policy(GRID_TARGET, GRID_SEED, alpha), GRID_TARGET, GRID_SEED, suite, n)
             for alpha in GRID for suite, n in GRID_SUITES.items()}  # fmt: skip
    rates = {key: float(kept.successes(cell.place, cell.n).mean()) for key, cell in cells.items()}
    grid = [{"alpha": alpha} | {suite: rates[alpha, suite] for suite in GRID_SUITES} for alpha in GRID]
    marginal = {
        suite: {
            part: [
                {
                    "alpha": level,
                    "mean": float(np.mean([rates[alpha, suite] for alpha in GRID if alpha[axis] == level])),
                }
                for level in LEVELS
            ]
            for axis, part in enumerate(("vision", "language", "action"))
        }
        for suite in GRID_SUITES
    }

    def groups(kind: str, suites: tuple[str, ...]) -> list[Group]:
        found = []
        for target in TARGETS:
            for seed in SEEDS:
                taken = policy(target, seed, line(kind, chosen(kind, target, seed, kept)))
                parts = [Cell(taken, target, seed, suite, TEST_N[suite]) for suite in suites]
                found.append(np.concatenate([kept.successes(cell.place, cell.n) for cell in parts]))
        return found

    columns = {"id": ("id",), "ood-test": OOD_TEST, "generalist": ("generalist",)}
    lines = {kind: {name: vars(mean(groups(kind, suites))) for name, suites in columns.items()} for kind in KINDS}
    gap = {
        name: vars(difference(groups("all weights", suites), groups("language alone", suites)))
        for name, suites in columns.items()
    }
    return {"grid": grid, "marginal": marginal, "lines": lines, "language alone - all weights": gap}
