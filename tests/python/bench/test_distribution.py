import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from retain.bench.distribution import Distribution

DURATIONS = st.lists(st.floats(0.0, 1e6), min_size=1, max_size=60)


def of(durations: list[float]) -> Distribution:
    return Distribution.added(({duration: 1}, duration) for duration in durations)


@given(DURATIONS, st.floats(0.001, 1.0))
def test_a_percentile_is_numpys_with_inverted_cdf(durations: list[float], share: float) -> None:
    ours = of(durations).percentile(share)
    assert ours == np.quantile(durations, share, method="inverted_cdf")


@given(DURATIONS, DURATIONS)
def test_adding_segments_is_counting_them_together(first: list[float], second: list[float]) -> None:
    apart = [(of(part).counts, of(part).max_us) for part in (first, second)]
    assert Distribution.added(apart) == of(first + second)


def test_overflows_count_and_end_in_the_maximum() -> None:
    one = Distribution({20.0: 90, math.inf: 10}, 5000.0)
    assert one.percentile(0.5) == 20.0
    assert one.percentile(0.99) == 5000.0
    assert one.to_json()["count"] == 100


def test_nothing_measured_is_zero() -> None:
    assert Distribution({}, 0.0).percentile(0.5) == pytest.approx(0.0)
