"""The oracle itself, against numbers worked out by hand and published test vectors."""

import math

import numpy as np
import pytest

from . import oracle
from .oracle_numbers import nearest, neighbours, philox4x32_10, words
from .policies import from_bf16, to_bf16

P = np.zeros(4)


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ([0] * 4, (0, 0), [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([0xFFFFFFFF] * 4, (0xFFFFFFFF, 0xFFFFFFFF), [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            (0xA4093822, 0x299F31D0),
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_philox_gives_the_words_that_random123_publishes(
    counter: list[int], key: tuple[int, int], expected: list[int]
) -> None:
    # kat_vectors of Random123 1.14, "philox4x32 10"
    assert philox4x32_10(np.array([counter], np.uint32), key)[0].tolist() == expected


def test_a_word_depends_on_key_element_and_stream_alone() -> None:
    key = 0x299F31D0A4093822
    long = words(11, key, 3)
    assert words(5, key, 3).tolist() == long[:5].tolist()
    block = philox4x32_10(np.array([[2, 0, 3, 0]], np.uint32), (0xA4093822, 0x299F31D0))
    assert long[8:].tolist() == block[0, :3].tolist()
    assert (words(11, key, 4) != long).any()
    assert (words(11, key + 1, 3) != long).any()


def test_ties_trims_elects_and_averages_as_on_paper() -> None:
    first = np.array([4.0, 1.0, -3.0, 0.5])  # density ½ keeps 4 and −3
    second = np.array([2.0, 0.1, 5.0, -0.2])  # keeps 2 and 5
    merged = oracle.ties(P, [first, second], [1.0, 1.0], 1.0, 0.5)
    assert merged.tolist() == [3.0, 0.0, 5.0, 0.0]  # both agree; nobody; 5 outweighs −3; nobody
    weighted = oracle.ties(P + 1, [first + 1, second + 1], [3.0, 1.0], 0.5, 0.5)
    assert weighted.tolist() == [1 + 0.5 * 14 / 4, 1.0, 1 - 0.5 * 3, 1.0]  # now −9 outweighs 5


def test_trimming_keeps_everything_as_large_as_the_last_kept_entry() -> None:
    assert oracle.trimmed(np.array([2.0, -1.0, 1.0, 0.5]), 0.5).tolist() == [2.0, -1.0, 1.0, 0.0]
    assert oracle.trimmed(np.array([2.0, 1.0]), 0.01).tolist() == [2.0, 0.0]


def test_updates_that_cancel_elect_nobody() -> None:
    assert oracle.elected_mean([np.array([1.0]), np.array([-1.0])], [1.0, 1.0]).tolist() == [0.0]


def test_dare_keeps_its_density_and_the_mean() -> None:
    tau = np.random.default_rng(0).standard_normal(40_000)
    dropped = oracle.dare_linear(np.zeros_like(tau), [tau], [1.0], 1.0, 0.25, key=7)
    kept = dropped != 0
    assert abs(kept.mean() - 0.25) < 5 * math.sqrt(0.25 * 0.75 / tau.size)
    assert np.array_equal(dropped[kept], tau[kept] / 0.25)


def test_ends_are_thinned_independently() -> None:
    first, second = (oracle.random_mask((40_000,), 0.5, 7, source) for source in (0, 1))
    assert abs((first & second).mean() - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 40_000)


def test_della_gives_large_entries_the_better_chance() -> None:
    tau = np.array([[0.0, -3.0, 1.0], [1.0, 1.0, -1.0]])
    expected = [[0.4, 0.6, 0.5], [0.4, 0.5, 0.6]]  # equal ones by their place
    assert np.allclose(oracle.keep_probability(tau, 0.5, 0.1), expected, rtol=1e-15, atol=0)
    assert oracle.keep_probability(np.array([[2.0], [3.0]]), 0.5, 0.1).tolist() == [[0.5], [0.5]]
    assert oracle.keep_probability(np.array(2.0), 0.5, 0.1).tolist() == 0.5
    assert oracle.keep_probability(np.zeros((3, 0)), 0.5, 0.1).shape == (3, 0)


def test_della_without_spread_is_dare() -> None:
    tau = np.random.default_rng(0).standard_normal((20, 30))
    zero = np.zeros_like(tau)
    dare = oracle.dare_ties(zero, [tau, -tau], [1.0, 2.0], 0.7, 0.5, key=1 << 40)
    assert np.array_equal(oracle.della(zero, [tau, -tau], [1.0, 2.0], 0.7, 0.5, 0.0, key=1 << 40), dare)


def test_slerp_turns_at_constant_length_and_is_a_line_where_there_is_no_angle() -> None:
    right, up = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    assert np.allclose(oracle.slerp(right, up, 1 / 3), [math.cos(math.pi / 6), math.sin(math.pi / 6)], rtol=1e-15)
    assert oracle.slerp(right, 3 * right, 0.5).tolist() == [2.0, 0.0]
    assert oracle.slerp(right, np.zeros(2), 0.5).tolist() == [0.5, 0.0]


def test_slerp_of_updates_moves_from_the_first_to_the_second() -> None:
    base = np.array([1.0, 1.0])
    ends = [np.array([2.0, 1.0]), np.array([1.0, 2.0])]
    assert oracle.slerp_updates(base, ends, [1.0, 0.0], 1.0).tolist() == [2.0, 1.0]
    halfway = oracle.slerp_updates(base, ends, [1.0, 1.0], 0.5)
    assert np.allclose(halfway, 1 + 0.5 * math.sqrt(0.5), rtol=1e-15)


def test_model_stock_goes_as_far_as_the_runs_agree() -> None:
    at_60_degrees = [np.array([1.0, 0.0]), np.array([0.5, math.sqrt(0.75)])]
    merged = oracle.model_stock(np.zeros(2), at_60_degrees)
    assert np.allclose(merged, 2 / 3 * np.array([0.75, math.sqrt(0.75) / 2]), rtol=1e-14)  # t = 2·½/(1 + ½)
    same = np.array([1.0, 2.0])
    assert np.allclose(oracle.model_stock(np.zeros(2), [same, same, same]), same, rtol=1e-14)
    apart = oracle.model_stock(np.ones(2), [np.array([2.0, 1.0]), np.array([1.0, 2.0])])
    assert apart.tolist() == [1.0, 1.0]


def test_lines_scales_the_first_and_the_last_layer_as_told() -> None:
    assert [oracle.lines_factor(layer, 3, 0.0, 1.0) for layer in range(3)] == [0.0, 0.5, 1.0]


def test_a_low_rank_update_is_scaled_once() -> None:
    a, b = np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])
    assert oracle.low_rank_update(a, b, 0.5).tolist() == [[1.5, 3.0], [2.0, 4.0]]


def test_a_soup_is_the_mean_and_task_arithmetic_can_subtract() -> None:
    ends = [np.array([1.0, 2.0]), np.array([3.0, 6.0])]
    assert oracle.soup(np.ones(2), ends).tolist() == [2.0, 4.0]
    assert oracle.task_arithmetic(np.ones(2), ends, [1.0, -1.0], 0.5).tolist() == [0.0, -1.0]


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32"])
def test_rounding_is_the_hardware_s(dtype: str) -> None:
    random = np.random.default_rng(0)
    values = random.standard_normal(5000) * 10.0 ** random.integers(-9, 5, 5000)
    if dtype == "BF16":
        values = values.astype(np.float32).astype(np.float64)  # the bit formula starts from fp32
        expected = from_bf16(to_bf16(values)).astype(np.float64)
    else:
        expected = values.astype({"F16": np.float16, "F32": np.float32}[dtype]).astype(np.float64)
    assert np.array_equal(nearest(values, dtype), expected)


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32"])
def test_neighbours_enclose_a_value_and_their_mean_is_the_value(dtype: str) -> None:
    values = np.random.default_rng(0).standard_normal(5000) * 0.02
    down, up, chance = neighbours(values, dtype)
    assert (down <= values).all()
    assert (values <= up).all()
    assert np.array_equal(np.where(values - down < up - values, down, up), nearest(values, dtype))  # no ties by chance
    assert np.allclose(down + chance * (up - down), values, rtol=1e-15, atol=0)
    assert np.array_equal(neighbours(down, dtype)[1], down)  # a value of the dtype has no other neighbour


def test_what_is_too_large_for_a_dtype_is_infinite() -> None:
    assert nearest(np.array([65504.0, 65519.0, 65520.0, -1e6]), "F16").tolist() == [65504.0, 65504.0, np.inf, -np.inf]
