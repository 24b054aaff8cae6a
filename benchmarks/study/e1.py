"""E1, the overfitting curve: success in and out of distribution and on old tasks as finetuning goes on."""

from collections.abc import Callable
from typing import Any

from study.measure import Cell, base, measure, merged
from study.pieces import Training, train_all
from study.protocol import SEEDS, TARGETS
from study.recipes import CO_FT, FROZEN, LORA, TASK_FT
from study.results import write_json, write_outcomes
from study.statistics import mean
from study.store import Store

TARGET = TARGETS[0]
RECIPES = (TASK_FT, FROZEN, LORA, CO_FT)
STEPS = (20, 40, 80, 120, 160)
SUITES = {"id": 30, "ood-position": 34, "generalist": 30}


def cell(recipe_number: int, seed: int, step: int, suite: str) -> Cell:
    """One point of a curve; step 0 is the base."""
    one = Training(RECIPES[recipe_number], TARGET, seed)
    key = one.key if step == one.recipe.config.steps else f"{one.key}/step{step}"
    policy = merged(key, one.copy(step)) if step else base()
    return Cell(policy, TARGET, seed, suite, SUITES[suite])


def run(workers: int, say: Callable[[str], None]) -> None:
    """Train what is missing, measure the copies on the way, write the results."""
    train_all([Training(recipe, TARGET, seed) for recipe in RECIPES for seed in SEEDS], workers, say)
    wanted = [
        cell(number, seed, step, suite)
        for number in range(len(RECIPES))
        for seed in SEEDS
        for step in (0, *STEPS)
        for suite in SUITES
    ]
    kept = measure(wanted, workers, say)
    write_outcomes("E1", wanted, kept)
    write_json("E1", tables(kept))


def tables(kept: Store) -> dict[str, Any]:
    """Success by recipe, suite and step."""

    def point(number: int, step: int, suite: str) -> dict[str, Any]:
        cells = [cell(number, seed, step, suite) for seed in SEEDS]
        groups = [kept.successes(one.place, one.n) for one in cells]
        return {"step": step, "n": sum(map(len, groups))} | vars(mean(groups))

    curves = {
        recipe.name: {suite: [point(number, step, suite) for step in (0, *STEPS)] for suite in SUITES}
        for number, recipe in enumerate(RECIPES)
    }
    return {"target": TARGET, "curves": curves}
