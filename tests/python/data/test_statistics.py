import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from retain.data.statistics import QUANTILES, Accumulator, as_json, from_json, picture_statistics, vector_statistics

pictures = arrays(np.uint8, st.tuples(st.integers(1, 5), st.just(4), st.just(6), st.just(3)))
vectors = arrays(np.float32, st.tuples(st.integers(1, 30), st.just(3)), elements=st.floats(-1e3, 1e3, width=32))


def numpy_oracle(values, axis):
    exact = values.astype(np.float64)
    oracle = {"min": exact.min(axis), "max": exact.max(axis), "mean": exact.mean(axis), "std": exact.std(axis)}
    return oracle | {name: np.quantile(exact, q, axis=axis) for name, q in QUANTILES.items()}


@given(st.lists(vectors, min_size=1, max_size=4))
def test_vectors_accumulated_by_episode_have_the_statistics_of_all_frames(episodes):
    accumulator = Accumulator(picture=False)
    for episode in episodes:
        accumulator.add(episode)
    everything = np.concatenate(episodes)
    total = accumulator.total()
    assert total["count"] == [len(everything)]
    for name, expected in numpy_oracle(everything, 0).items():
        np.testing.assert_allclose(total[name], expected, rtol=1e-9, atol=1e-9)


@given(st.lists(pictures, min_size=1, max_size=3))
def test_pictures_accumulated_by_episode_have_the_statistics_of_all_pixels(episodes):
    accumulator = Accumulator(picture=True)
    for episode in episodes:
        accumulator.add(episode)
    everything = np.concatenate(episodes)
    total = accumulator.total()
    assert total["count"] == [len(everything)]
    for name, expected in numpy_oracle(everything / 255.0, (0, 1, 2)).items():
        assert total[name].shape == (3, 1, 1)
        np.testing.assert_allclose(total[name][:, 0, 0], expected, rtol=1e-9, atol=1e-12)


def test_statistics_survive_json():
    statistics = {"action": vector_statistics(np.arange(12.0).reshape(4, 3))}
    again = from_json(as_json(statistics))
    for name, value in statistics["action"].items():
        np.testing.assert_array_equal(again["action"][name], value)


def test_one_level_pictures_have_zero_spread():
    counts = np.zeros((3, 256), np.int64)
    counts[:, 51] = 100
    statistics = picture_statistics(counts, frames=1)
    assert statistics["std"].max() == 0
    assert statistics["q01"][0, 0, 0] == pytest.approx(0.2)
