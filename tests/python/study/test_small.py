"""E2 at the size of a test: real training, real rollouts, and only such claims as its size can support."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")

from retain.evaluate import mcnemar_exact
from retain.evaluate.statistics import discordant
from study import results, small
from study.e2 import fixed, options
from study.measure import Cell, measure
from study.protocol import TARGETS, VALIDATION, episode_seed

TARGET = TARGETS[0]
OOD = ("ood-position", "ood-distractor", "ood-appearance", "ood-combined")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("study")
        patch.chdir(folder)  # datasets, policies and outcomes lie below the working directory
        patch.setattr(results, "RESULTS", folder / "results")
        yield small.run(2, lambda _: None)


def successes(kept, method, *suites):
    policy = small.TABLE.policies(kept)[method, TARGET, 0]
    cells = [Cell(policy, TARGET, 0, suite, small.TABLE.test[suite]) for suite in suites]
    return np.concatenate([kept.successes(cell.place, cell.n) for cell in cells])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_finetuning_teaches_the_skill_where_it_was_demonstrated(kept):
    base, tuned = successes(kept, "base", "id"), successes(kept, "task-FT", "id")
    assert tuned.mean() > base.mean()
    assert mcnemar_exact(*discordant(base, tuned)) < 0.01


@pytest.mark.slow
def test_merging_keeps_no_less_of_the_old_tasks_than_finetuning_by_more_than_noise(kept):
    tuned, merged = successes(kept, "task-FT", "generalist"), successes(kept, "RETAIN-task-FT", "generalist")
    gained, lost = discordant(tuned, merged)
    assert gained >= lost or mcnemar_exact(gained, lost) > 0.05


@pytest.mark.slow
def test_the_merged_policy_knows_more_of_the_skill_than_the_base_in_and_out_of_distribution(kept):
    base, merged = successes(kept, "base", "id", *OOD), successes(kept, "RETAIN-task-FT", "id", *OOD)
    assert merged.mean() > base.mean()


@pytest.mark.slow
def test_alpha_is_chosen_on_validation_episodes_alone(kept):
    taken = small.TABLE.settings(kept)["RETAIN-task-FT", TARGET, 0]
    rates = {}
    for option in options("RETAIN-task-FT", TARGET, 0):
        cell = Cell(option.policy, TARGET, 0, VALIDATION, small.TABLE.validation_n)
        rates[option.change] = kept.successes(cell.place, cell.n).mean()
    best = max(rates.values())
    assert taken.change == min(alpha for alpha, rate in rates.items() if rate == best)
    assert VALIDATION not in small.TABLE.test


@pytest.mark.slow
def test_the_committed_form_of_the_results_holds_every_episode_and_the_counts(kept):
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = parquet.read_table(results.RESULTS / "small.parquet").to_pylist()
    table = json.loads((results.RESULTS / "small.json").read_text())["table"]
    policy = fixed("task-FT", TARGET, 0).key
    of_cell = [row for row in rows if row["policy"] == policy and row["suite"] == "id"]
    assert {row["number"] for row in of_cell} == set(range(small.TABLE.test["id"]))
    assert {row["seed"] for row in of_cell} == {episode_seed(0)}
    assert sum(row["success"] for row in of_cell) == table["task-FT"]["id"]["successes"]


@pytest.mark.slow
def test_what_was_measured_is_not_run_again(kept):
    def no_more(text):
        raise AssertionError(f"ran again: {text}")

    cells = [Cell(fixed("base", TARGET, 0), TARGET, 0, suite, n) for suite, n in small.TABLE.test.items()]
    measure(cells, 1, no_more)
