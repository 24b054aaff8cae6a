"""What the study's conclusions rest on: pieces do not mix, and nothing is chosen on what it is reported on."""

from dataclasses import replace

import pytest

pytest.importorskip("torch")

from retain.sim import HELD_OUT, parse_instruction
from study import e2, e6, rule
from study.pieces import Training
from study.protocol import OOD_TEST, TARGETS, TEST_N, VALIDATION, better
from study.recipes import CO_FT, E2_RECIPES, TASK_FT


def test_no_target_was_in_pretraining():
    skills = {parse_instruction(words) for words in (*TARGETS, *e6.SKILLS)}
    assert skills <= set(HELD_OUT)


def test_settings_are_chosen_on_a_suite_that_is_not_reported():
    assert VALIDATION not in TEST_N
    assert VALIDATION not in OOD_TEST
    assert {cell.suite for cell in e2.MainTable().tuning} == {VALIDATION}


def test_cells_of_the_main_table_have_three_hundred_episodes_on_each_target():
    seeds = len(e2.MainTable().seeds)
    assert seeds * sum(TEST_N[suite] for suite in OOD_TEST) >= 300
    assert seeds * len(TARGETS) * TEST_N["generalist"] >= 300


def test_a_training_has_another_name_when_anything_that_decides_it_differs():
    one = Training(TASK_FT, TARGETS[0], 0)
    others = [
        Training(CO_FT, TARGETS[0], 0),
        Training(TASK_FT, TARGETS[1], 0),
        Training(TASK_FT, TARGETS[0], 1),
        Training(TASK_FT, TARGETS[0], 0, "elsewhere"),
        Training(TASK_FT, TARGETS[0], 0, replayed=((TARGETS[1], 0.2),)),
        Training(replace(TASK_FT, config=replace(TASK_FT.config, lr=1e-5)), TARGETS[0], 0),
    ]
    assert len({one.key, *(other.key for other in others)}) == 7


def test_equal_validation_goes_to_the_setting_that_changes_the_base_least():
    assert better(0.8, 0.9) > better(0.7, 0.1)
    assert better(0.8, 0.1) > better(0.8, 0.9)


def test_main_contenders_choose_among_about_as_many_settings():
    counts = {m: len(e2.options(m, TARGETS[0], 0)) for m in ("task-FT, tuned", "co-FT, tuned", *e2.MERGED)}
    assert max(counts.values()) - min(counts.values()) <= 1


def test_every_recipe_takes_the_same_number_of_steps_and_batch():
    assert len({(recipe.config.steps, recipe.config.batch_size) for recipe in E2_RECIPES}) == 1


def test_continual_methods_see_the_same_number_of_observations():
    line = e6.Line(0)
    chains = [line.sequential(), line.retain(), line.replayed(), line.parallel(), [line.joint()]]
    seen = {sum(one.recipe.config.steps * one.recipe.config.batch_size for one in chain) for chain in chains}
    assert len(seen) == 1


def test_shares_of_the_replay_chain_leave_room_for_the_new_skill():
    for one in e6.Line(0).replayed()[1:]:
        shares = [share for _, share in (*one.recipe.co_data, *one.replayed)]
        assert sum(shares) == pytest.approx(0.6)


def test_the_rule_by_component_is_searched_and_tested_on_different_suites_of_the_shift():
    assert set(rule.SEARCH_N) & set(OOD_TEST) == set()
