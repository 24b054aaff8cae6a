"""RULE: is there one α per component, the same for every target and seed, that is at least as good as tuned co-FT?

The search looks at validation, old tasks and a few episodes in distribution, on one seed of each target. What it finds
is committed as results/RULE_search.json; only then the test runs, on five seeds with episodes of its own.
"""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from study import e2
from study.measure import COMPONENTS, Candidate, Cell, measure, merged
from study.pieces import Training, train_all
from study.protocol import OOD_TEST, RULE_SEEDS, TARGETS, TEST_N, VALIDATION
from study.recipes import CO_FT, CO_FT_HIGH
from study.results import read_json, write_json, write_outcomes
from study.statistics import Group, difference, mean
from study.store import Store

LEVELS = (0.5, 0.75, 1.0)
GRID = tuple(product(LEVELS, repeat=3))
SEARCH_SEED = 0
SEARCH_N = {"id": 10, VALIDATION: 20, "generalist": 20}

MARGIN = 0.05
"""At least as good: the 95 % interval of rule − tuned co-FT lies above −5 points on every suite."""


def policy(target: str, seed: int, alpha: tuple[float, ...]) -> Candidate:
    """A co-finetuned policy merged with one α per component (vision, language, action)."""
    one = Training(CO_FT, target, seed)
    return merged(one.key, one.path, dict(zip(COMPONENTS, alpha, strict=True)))


def search(workers: int, say: Callable[[str], None]) -> None:
    """Score every combination; the best has the highest sum of the three rates, of equals the lowest α."""
    train_all([Training(CO_FT, target, SEARCH_SEED) for target in TARGETS], workers, say)
    cells = {
        (alpha, target, suite): Cell(policy(target, SEARCH_SEED, alpha), target, SEARCH_SEED, suite, n)
        for alpha in GRID
        for target in TARGETS
        for suite, n in SEARCH_N.items()
    }
    kept = measure(cells.values(), workers, say)

    def rate(alpha: tuple[float, ...], suite: str) -> float:
        return float(
            np.mean([kept.successes(cells[alpha, target, suite].place, SEARCH_N[suite]) for target in TARGETS])
        )

    scores: list[dict[str, Any]] = []
    for alpha in GRID:
        rates = {suite: rate(alpha, suite) for suite in SEARCH_N}
        scores.append({"alpha": alpha, "score": sum(rates.values())} | rates)
    scores.sort(key=lambda one: (-one["score"], sum(one["alpha"])))
    write_outcomes("RULE_search", cells.values(), kept)
    write_json("RULE_search", {"components": COMPONENTS, "scores": scores})
    for one in scores[:5]:
        say(str(one))


def _chosen(target: str, seed: int, kept: Store) -> Candidate:
    return e2.chosen("co-FT, tuned", target, seed, kept).policy


def run(workers: int, say: Callable[[str], None]) -> None:
    """Test the rule that the committed search found."""
    alpha = tuple(read_json("RULE_search")["scores"][0]["alpha"])
    pairs = [(target, seed) for target in TARGETS for seed in RULE_SEEDS]
    train_all([Training(recipe, *pair) for recipe in (CO_FT, CO_FT_HIGH) for pair in pairs], workers, say)
    tuning = [e2.validation_cell(option, *pair) for pair in pairs for option in e2.options("co-FT, tuned", *pair)]
    kept = measure(tuning, workers, say)
    tested = {pair: {"co-FT, tuned": _chosen(*pair, kept), "rule": policy(*pair, alpha)} for pair in pairs}
    cells = [
        Cell(one, *pair, suite, n)
        for pair, both in tested.items()
        for one in both.values()
        for suite, n in TEST_N.items()
    ]
    measure(cells, workers, say)
    write_outcomes("RULE", [*tuning, *cells], kept)
    write_json("RULE", tables(kept, alpha, tested))


def tables(
    kept: Store, alpha: tuple[float, ...], tested: dict[tuple[str, int], dict[str, Candidate]]
) -> dict[str, Any]:
    """Both on every suite, the difference, and whether the rule is at least as good there."""
    columns = {**{suite: (suite,) for suite in TEST_N}, "ood-test": OOD_TEST}

    def groups(name: str, suites: tuple[str, ...], target: str | None = None) -> list[Group]:
        found = []
        for (words, seed), both in tested.items():
            if target in (None, words):
                parts = [Cell(both[name], words, seed, suite, TEST_N[suite]) for suite in suites]
                found.append(np.concatenate([kept.successes(cell.place, cell.n) for cell in parts]))
        return found

    table = {}
    for column, suites in columns.items():
        gap = difference(groups("co-FT, tuned", suites), groups("rule", suites))
        table[column] = {
            "co-FT, tuned": vars(mean(groups("co-FT, tuned", suites))),
            "rule": vars(mean(groups("rule", suites))),
            "difference": vars(gap),
            "at least as good": gap.low > -MARGIN,
            "n": sum(len(group) for group in groups("rule", suites)),
            "by target": {
                target: vars(difference(groups("co-FT, tuned", suites, target), groups("rule", suites, target)))
                for target in TARGETS
            },
        }
    return {"components": COMPONENTS, "alpha": alpha, "margin": MARGIN, "seeds": RULE_SEEDS, "suites": table}
