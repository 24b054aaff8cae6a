"""Fixed before anything was trained; no simulator is needed to read them."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from retain.errors import SimulationError
from retain.sim import SUITES as TABLETOP_SUITES
from retain.worlds import find_world
from retain.worlds.metaworld.suites import (
    EVERYWHERE,
    ID_PART,
    SUITES,
    TEST_PARTS,
    VALIDATION_PART,
    demonstrations,
    episodes,
    narrowed,
    pretraining,
)
from retain.worlds.metaworld.tasks import MT10, TASKS

PARTS = (ID_PART, VALIDATION_PART, *TEST_PARTS)


@st.composite
def ranges(draw):
    """Official ranges as tasks have them: one position or two, some axes fixed, one horizontal axis free at least."""
    positions = draw(st.sampled_from([1, 2]))
    low = np.array(draw(st.lists(st.floats(-0.5, 0.9), min_size=3 * positions, max_size=3 * positions)))
    widths = draw(st.lists(st.sampled_from([0.0, 0.002, 0.05, 0.2]), min_size=3 * positions, max_size=3 * positions))
    widths[draw(st.sampled_from([0, 1]))] = draw(st.floats(0.02, 0.3))
    return low, low + np.array(widths)


@given(ranges(), st.sampled_from([EVERYWHERE, *PARTS]))
def test_a_part_lies_inside_the_official_range_because_experts_fail_outside(official, part):
    low, high = official
    low_part, high_part = narrowed(low, high, part)
    assert (low - 1e-12 <= low_part).all()
    assert (low_part <= high_part).all()
    assert (high_part <= high + 1e-12).all()


@given(ranges())
def test_everywhere_is_the_official_range(official):
    np.testing.assert_allclose(narrowed(*official, EVERYWHERE), official)


@given(ranges())
def test_positions_of_validation_and_test_are_apart_from_the_demonstrated_ones_and_from_each_other(official):
    boxes = [narrowed(*official, part) for part in (ID_PART, VALIDATION_PART, TEST_PARTS[0])]
    for (low, high), (other_low, other_high) in combinations(boxes, 2):
        assert ((high < other_low) | (other_high < low)).any()


@given(ranges())
def test_only_where_the_object_starts_is_narrowed(official):
    low, high = official
    low_part, high_part = narrowed(low, high, ID_PART)
    changed = np.flatnonzero((low_part != low) | (high_part != high))
    assert set(changed) <= {0, 1}
    assert len(changed) > 0


def test_suites_have_the_tabletops_names_where_they_have_its_meaning():
    assert set(SUITES) < set(TABLETOP_SUITES)
    assert set(TABLETOP_SUITES) - set(SUITES) == {"ood-distractor", "ood-combined"}


def test_each_suite_changes_what_it_is_named_for_and_nothing_else():
    (shown,) = SUITES["id"]("push-v3")
    differences = {"ood-val": "part", "ood-position": "part", "ood-appearance": "look", "wording": "wording"}
    for suite, changed in differences.items():
        for case in SUITES[suite]("push-v3"):
            assert [name for name, value in vars(case).items() if value != getattr(shown, name)] == [changed]
    (reworded,) = SUITES["wording"]("push-v3")
    assert (shown.instruction, reworded.instruction) == TASKS["push-v3"]


@pytest.mark.parametrize(("target", "others"), [("push-v3", 9), ("plate-slide-v3", 10)])
def test_the_generalist_and_the_pretraining_mix_are_mt10_without_the_target(target, others):
    tasks = {one.task for one in episodes("generalist", target, 30, 0)}
    assert tasks == set(MT10) - {target}
    assert len(tasks) == others
    assert {one.task for one in pretraining(30, 0, without=target)} == tasks


def test_a_longer_evaluation_begins_with_the_shorter_one_and_never_with_a_demonstration():
    longer = episodes("id", "push-v3", 20, seed=4)
    assert episodes("id", "push-v3", 5, seed=4) == longer[:5]
    shown = demonstrations("push-v3", 20, seed=4)
    assert len({one.seed for one in (*longer, *shown)}) == 40
    assert demonstrations("push-v3", 5, seed=4, first=15) == shown[15:]


def test_the_world_takes_any_name_of_a_task():
    world = find_world("metaworld")
    assert world.canonical("Open a drawer") == "drawer-open-v3"
    assert world.episodes("id", "open a drawer", 2, 0) == episodes("id", "drawer-open-v3", 2, 0)
    with pytest.raises(SimulationError, match="no suite 'ood-distractor'; expected one of id, ood-val"):
        world.episodes("ood-distractor", "push", 1, 0)
