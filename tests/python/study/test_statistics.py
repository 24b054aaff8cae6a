"""The intervals of the study's means: over seeds as well as over episodes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from study.statistics import difference, mean

groups = st.lists(st.lists(st.booleans(), min_size=5, max_size=30), min_size=2, max_size=5).map(
    lambda found: [np.array(group) for group in found]
)


@settings(deadline=None, max_examples=30)
@given(groups)
def test_the_interval_holds_the_mean_of_the_groups(found):
    estimate = mean(found)
    assert estimate.value == pytest.approx(np.mean([group.mean() for group in found]))
    assert estimate.low - 1e-9 <= estimate.value <= estimate.high + 1e-9


@settings(deadline=None, max_examples=30)
@given(groups)
def test_a_policy_does_not_differ_from_itself(found):
    same = difference(found, found)
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_seeds_that_differ_widen_the_interval_beyond_that_of_their_episodes():
    rng = np.random.default_rng(0)
    alike = [rng.random(200) < 0.5 for _ in range(4)]
    apart = [np.arange(200) < 200 * share for share in (0.1, 0.3, 0.7, 0.9)]
    width = [estimate.high - estimate.low for estimate in (mean(alike), mean(apart))]
    assert width[1] > 3 * width[0]


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    covered = 0
    for trial in range(200):
        shares = np.clip(0.6 + 0.1 * rng.standard_normal(9), 0, 1)
        estimate = mean([rng.random(40) < share for share in shares], seed=trial)
        covered += estimate.low <= 0.6 <= estimate.high
    assert covered >= 180
