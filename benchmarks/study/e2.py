"""E2, the main table: RETAIN beside every usual remedy, each tuned on the validation suite with the same episodes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

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

REFERENCES = ("base", "task-FT", "co-FT", "task-FT, tuned", "co-FT, tuned", "RETAIN-task-FT", "RETAIN-co-FT")
"""What every method is compared with."""


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


def validation_cell(option: Option, target: str, seed: int, n: int = VALIDATION_N) -> Cell:
    """What a setting is judged by."""
    return Cell(option.policy, target, seed, VALIDATION, n)


def chosen(method: str, target: str, seed: int, kept: Store, n: int = VALIDATION_N) -> Option:
    """The setting that the validation suite picks."""

    def rank(option: Option) -> tuple[float, float]:
        place = validation_cell(option, target, seed, n).place
        return better(float(kept.successes(place, n).mean()), option.change)

    return max(options(method, target, seed), key=rank)


@dataclass(frozen=True)
class MainTable:
    """A main table of some size.

    Attributes:
        name: Of its result files.
        methods: Its rows.
        targets, seeds: What it averages over.
        test: Suite → episodes per policy.
        validation_n: Episodes by which a setting is chosen.
    """

    name: str = "E2"
    methods: tuple[str, ...] = METHODS
    targets: tuple[str, ...] = TARGETS
    seeds: tuple[int, ...] = SEEDS
    test: Mapping[str, int] = field(default_factory=lambda: TEST_N)
    validation_n: int = VALIDATION_N

    @property
    def pairs(self) -> list[tuple[str, int]]:
        """Every target with every seed."""
        return [(target, seed) for target in self.targets for seed in self.seeds]

    @property
    def trainings(self) -> list[Training]:
        """All that the methods train, what other experiments need first."""
        asked: set[Recipe] = set()
        for method in self.methods:
            asked.update(TUNED.get(method, ()))
            asked.update(found[method] for found in (MERGED, FIXED) if method in found)
        recipes = sorted(asked, key=E2_RECIPES.index)
        return [Training(recipe, *pair) for recipe in recipes for pair in self.pairs]

    @property
    def tuning(self) -> list[Cell]:
        """What the settings are chosen by."""
        return [
            validation_cell(option, *pair, self.validation_n)
            for pair in self.pairs
            for method in self.methods
            if method in TUNED or method in MERGED
            for option in options(method, *pair)
        ]

    def settings(self, kept: Store) -> dict[tuple[str, str, int], Option]:
        """(method, target, seed) → the chosen setting, of the methods that have any."""
        return {
            (method, *pair): chosen(method, *pair, kept, self.validation_n)
            for method in self.methods
            if method in TUNED or method in MERGED
            for pair in self.pairs
        }

    def policies(self, kept: Store) -> dict[tuple[str, str, int], Candidate]:
        """(method, target, seed) → the policy that is reported."""
        found = {key: option.policy for key, option in self.settings(kept).items()}
        for method in self.methods:
            if method == "base" or method in FIXED:
                found |= {(method, *pair): fixed(method, *pair) for pair in self.pairs}
        return found

    def run(self, workers: int, say: Say) -> Store:
        """Train, choose on validation, test, write the results."""
        train_all(self.trainings, workers, say)
        kept = measure(self.tuning, workers, say)
        tested = self.policies(kept)
        cells = [
            Cell(policy, target, seed, suite, n)
            for (_, target, seed), policy in tested.items()
            for suite, n in self.test.items()
        ]
        measure(cells, workers, say)
        write_outcomes(self.name, [*self.tuning, *cells], kept)
        write_json(self.name, self.tables(kept))
        return kept

    def tables(self, kept: Store) -> dict[str, Any]:
        """Success per method and suite, pooled and by target, and paired differences, all as plain values."""
        tested = self.policies(kept)
        columns = {**{suite: (suite,) for suite in self.test}, "ood-test": OOD_TEST}

        def groups(method: str, suites: Iterable[str], targets: Iterable[str] = self.targets) -> list[Group]:
            pairs = [(target, seed) for target in targets for seed in self.seeds]
            return [self._outcomes(kept, tested[(method, *pair)], *pair, suites) for pair in pairs]

        def row(method: str, targets: Iterable[str]) -> dict[str, Any]:
            return {name: _cell(groups(method, suites, targets)) for name, suites in columns.items()}

        against = {
            method: {
                reference: {
                    name: vars(difference(groups(reference, suites), groups(method, suites)))
                    for name, suites in columns.items()
                }
                for reference in REFERENCES
                if reference in self.methods
            }
            for method in self.methods
        }
        return {
            "table": {method: row(method, self.targets) for method in self.methods},
            "by_target": {m: {target: row(m, [target]) for target in self.targets} for m in self.methods},
            "against": against,
            "chosen": {" | ".join(map(str, key)): option.told for key, option in self.settings(kept).items()},
        }

    def _outcomes(self, kept: Store, policy: Candidate, target: str, seed: int, suites: Iterable[str]) -> Group:
        cells = [Cell(policy, target, seed, suite, self.test[suite]) for suite in suites]
        return np.concatenate([kept.successes(cell.place, cell.n) for cell in cells])


def run(workers: int, say: Say) -> None:
    """The table without the remedies of `MORE`."""
    MainTable(methods=tuple(method for method in METHODS if method not in MORE)).run(workers, say)


def more(workers: int, say: Say) -> None:
    """The table with all remedies."""
    MainTable().run(workers, say)


def _cell(groups: list[Group]) -> dict[str, Any]:
    counts = {"successes": int(sum(group.sum() for group in groups)), "n": int(sum(map(len, groups)))}
    return counts | vars(mean(groups))
