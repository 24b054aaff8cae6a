"""E2, the main table: RETAIN beside every usual remedy, each tuned on the validation suite with the same episodes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from study.measure import Candidate, Cell, base, measure, merged
from study.pieces import Training, train_all
from study.protocol import (
    ALPHAS,
    OOD_TEST,
    SEEDS,
    STEPS,
    TARGETS,
    TEST_N,
    VALIDATION,
    VALIDATION_N,
    better,
)
from study.recipes import (
    CO_FT,
    CO_FT_HIGH,
    E2_RECIPES,
    FROZEN,
    L2_SP,
    LORA,
    REPLAYED,
    SCRATCH,
    TASK_FT,
    TASK_FT_LOW,
    Recipe,
)
from study.results import write_json, write_outcomes
from study.statistics import Group, difference, mean
from study.store import Store

Say = Callable[[str], None]

STOPS = (40, 80, 120, STEPS)
"""Steps at which early stopping may stop."""

INNER = tuple(alpha for alpha in ALPHAS if 0 < alpha < 1)

TUNED: Mapping[str, tuple[Recipe, ...]] = {
    "task-FT, tuned": (TASK_FT, TASK_FT_LOW),
    "co-FT, tuned": (CO_FT, CO_FT_HIGH),
    "LoRA": (LORA,),
    "frozen language": (FROZEN,),
    "L2-SP": (L2_SP,),
    "replay": (REPLAYED,),
}
"""Methods whose steps (and rate, where there are two) are chosen on the validation suite."""

MERGED: Mapping[str, Recipe] = {"RETAIN-task-FT": TASK_FT, "RETAIN-co-FT": CO_FT}
FIXED: Mapping[str, Recipe] = {"scratch": SCRATCH, "task-FT": TASK_FT, "co-FT": CO_FT}

METHODS = ("base", *FIXED, *TUNED, *MERGED)

MORE = ("L2-SP", "replay")
"""Remedies that the first pass leaves out; `python -m study E2_MORE` adds them to the table."""


@dataclass(frozen=True)
class Option:
    """One setting of a method.

    Attributes:
        policy: What it gives.
        told: The setting, for people.
        change: How much finetuning is in it; see `protocol.better`.
    """

    policy: Candidate
    told: str
    change: float


def options(method: str, target: str, seed: int) -> list[Option]:
    """The settings that a method may choose among."""
    if method in MERGED:
        one = Training(MERGED[method], target, seed)
        return [Option(merged(one.key, one.path, alpha), f"α = {alpha:g}", alpha) for alpha in INNER]
    found = []
    for recipe in TUNED[method]:
        one = Training(recipe, target, seed)
        for step in STOPS:
            key = one.key if step == STEPS else f"{one.key}/step{step}"
            told = f"{step} steps at {recipe.config.lr:g}"
            found.append(Option(merged(key, one.copy(step)), told, step * recipe.config.lr))
    return found


def fixed(method: str, target: str, seed: int) -> Candidate:
    """The policy of a method without settings."""
    if method == "base":
        return base()
    one = Training(FIXED[method], target, seed)
    return merged(one.key, one.path)


def trainings(methods: Iterable[str]) -> list[Training]:
    """All that some methods train, what other experiments need first."""
    asked = [
        recipe
        for method in methods
        for recipe in (*TUNED.get(method, ()), *(found[method] for found in (MERGED, FIXED) if method in found))
    ]
    recipes = sorted(set(asked), key=E2_RECIPES.index)
    return [Training(recipe, target, seed) for recipe in recipes for target in TARGETS for seed in SEEDS]


def validation_cell(option: Option, target: str, seed: int) -> Cell:
    """What a setting is judged by."""
    return Cell(option.policy, target, seed, VALIDATION, VALIDATION_N)


def test_cells(policy: Candidate, target: str, seed: int) -> list[Cell]:
    """What a method is reported on."""
    return [Cell(policy, target, seed, suite, n) for suite, n in TEST_N.items()]


def chosen(method: str, target: str, seed: int, kept: Store) -> Option:
    """The setting that the validation suite picks."""

    def rank(option: Option) -> tuple[float, float]:
        cell = validation_cell(option, target, seed)
        return better(float(kept.successes(cell.place, cell.n).mean()), option.change)

    return max(options(method, target, seed), key=rank)


def settings(kept: Store, methods: Iterable[str]) -> dict[tuple[str, str, int], Option]:
    """(method, target, seed) → the chosen setting, of the methods that have any."""
    return {
        (method, target, seed): chosen(method, target, seed, kept)
        for method in methods
        if method in TUNED or method in MERGED
        for target in TARGETS
        for seed in SEEDS
    }


def policies(kept: Store, methods: Iterable[str]) -> dict[tuple[str, str, int], Candidate]:
    """(method, target, seed) → the policy that is reported."""
    found = {key: option.policy for key, option in settings(kept, methods).items()}
    for method in ("base", *FIXED):
        for target in TARGETS:
            for seed in SEEDS:
                found[method, target, seed] = fixed(method, target, seed)
    return found


def run(workers: int, say: Say) -> None:
    """Train, choose on validation, test, write the results; without the remedies of `MORE`."""
    _run([method for method in METHODS if method not in MORE], workers, say)


def more(workers: int, say: Say) -> None:
    """The same with all remedies."""
    _run(METHODS, workers, say)


def _run(methods: Sequence[str], workers: int, say: Say) -> None:
    train_all(trainings(methods), workers, say)
    pairs = [(target, seed) for target in TARGETS for seed in SEEDS]
    tuning = [
        validation_cell(option, *pair)
        for pair in pairs
        for method in methods
        if method in TUNED or method in MERGED
        for option in options(method, *pair)
    ]
    kept = measure(tuning, workers, say)
    tested = policies(kept, methods)
    cells = [cell for (_, target, seed), policy in tested.items() for cell in test_cells(policy, target, seed)]
    measure(cells, workers, say)
    write_outcomes("E2", [*tuning, *cells], kept)
    write_json("E2", tables(kept, methods, tested))


def tables(kept: Store, methods: Sequence[str], tested: Mapping[tuple[str, str, int], Candidate]) -> dict[str, Any]:
    """Success per method and suite, pooled and by target, and differences from co-FT, all as plain values."""
    columns = {**{suite: (suite,) for suite in TEST_N}, "ood-test": OOD_TEST}

    def groups(method: str, suites: Iterable[str], targets: Iterable[str] = TARGETS) -> list[Group]:
        return [
            _joined(kept, tested[method, target, seed], target, seed, suites) for target in targets for seed in SEEDS
        ]

    table, by_target, against = {}, {}, {}
    for method in methods:
        cell = {name: groups(method, suites) for name, suites in columns.items()}
        table[method] = {name: _cell(found) for name, found in cell.items()}
        by_target[method] = {
            target: {name: _cell(groups(method, suites, [target])) for name, suites in columns.items()}
            for target in TARGETS
        }
        against[method] = {
            reference: {
                name: vars(difference(groups(reference, suites), cell[name])) for name, suites in columns.items()
            }
            for reference in ("base", "task-FT", "co-FT", "co-FT, tuned", "RETAIN-co-FT", "RETAIN-task-FT")
        }
    told = {
        f"{method} | {target} | {seed}": option.told
        for (method, target, seed), option in settings(kept, methods).items()
    }
    return {"table": table, "by_target": by_target, "against": against, "chosen": told}


def _joined(kept: Store, policy: Candidate, target: str, seed: int, suites: Iterable[str]) -> Group:
    import numpy as np

    cells = [Cell(policy, target, seed, suite, TEST_N[suite]) for suite in suites]
    return np.concatenate([kept.successes(cell.place, cell.n) for cell in cells])


def _cell(groups: list[Group]) -> dict[str, Any]:
    counts = {"successes": int(sum(group.sum() for group in groups)), "n": int(sum(map(len, groups)))}
    return counts | vars(mean(groups))
