import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from retain.errors import EvaluationError
from retain.evaluate.statistics import compare, holm, mcnemar_exact, wilson

counts = st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [  # Newcombe 1998, Statistics in Medicine 17:857-872, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_newcombes_published_intervals(successes, n, low, high):
    rate = wilson(successes, n)
    assert (rate.low, rate.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@given(counts)
def test_wilson_bounds_are_the_rates_whose_score_is_the_normal_quantile(count):
    successes, n = count
    rate = wilson(successes, n)
    assert 0 <= rate.low <= rate.value + 1e-12
    assert rate.value - 1e-12 <= rate.high <= 1
    for bound in (rate.low, rate.high):
        if 0 < bound < 1:
            score = (rate.value - bound) / math.sqrt(bound * (1 - bound) / n)
            assert abs(score) == pytest.approx(1.959963985, rel=1e-6)


@given(counts)
def test_wilson_is_symmetric_in_success_and_failure(count):
    successes, n = count
    rate, mirrored = wilson(successes, n), wilson(n - successes, n)
    assert rate.low == pytest.approx(1 - mirrored.high)


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (3, 2), (-1, 4)])
def test_impossible_counts_are_refused(successes, n):
    with pytest.raises(EvaluationError, match="make no rate"):
        wilson(successes, n)


@given(st.integers(0, 9), st.integers(0, 9))
def test_mcnemar_is_the_share_of_coin_tosses_at_least_as_lopsided(gained, lost):
    tosses = gained + lost
    lopsided = sum(abs(2 * sum(toss) - tosses) >= abs(gained - lost) for toss in product((0, 1), repeat=tosses))
    assert mcnemar_exact(gained, lost) == pytest.approx(lopsided / 2**tosses)


def test_mcnemar_agrees_with_a_textbook_case():
    # Agresti, Categorical Data Analysis, 2nd ed., §10.1: 86 and 150 changed opinion, z² = 17.36, whose p is 3.1e-5.
    assert mcnemar_exact(86, 150) == pytest.approx(3.7e-5, rel=0.05)


@pytest.mark.parametrize(
    ("p", "adjusted"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # 4·.005, 3·.01, 2·.03, then not below it
        ([0.5], [0.5]),
        ([0.9, 0.8], [1.0, 1.0]),
        ([], []),
    ],
)
def test_holm_steps_down_and_never_decreases(p, adjusted):
    assert holm(p) == pytest.approx(adjusted)


outcomes = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


@given(outcomes)
def test_swapping_the_policies_mirrors_the_difference(pairs):
    first, second = (np.array(column) for column in zip(*pairs, strict=True))
    one, other = compare(first, second), compare(second, first)
    assert one.value == -other.value
    assert one.p == other.p
    assert (one.only_other, one.only_reference) == (other.only_reference, other.only_other)
    assert one.low <= one.value <= one.high


def test_the_paired_bootstrap_covers_what_resampling_episodes_covers():
    rng = np.random.default_rng(3)
    first = rng.random(100) < 0.6
    second = np.where(rng.random(100) < 0.3, rng.random(100) < 0.9, first)
    difference = compare(first, second)
    delta = second.astype(float) - first
    resampled = delta[rng.integers(100, size=(20_000, 100))].mean(axis=1)
    np.testing.assert_allclose([difference.low, difference.high], np.quantile(resampled, [0.025, 0.975]), atol=0.011)
    # Pairing pays: an unpaired comparison of these rates would have a wider interval.
    unpaired = 2 * 1.96 * math.sqrt(2 * 0.25 / 100)
    assert difference.high - difference.low < unpaired


def test_equal_policies_differ_by_nothing():
    same = np.array([True, False, True])
    difference = compare(same, same)
    assert (difference.value, difference.low, difference.high, difference.p) == (0, 0, 0, 1)


def test_unpaired_episodes_are_refused():
    with pytest.raises(EvaluationError, match="same episodes"):
        compare(np.array([True]), np.array([True, False]))
