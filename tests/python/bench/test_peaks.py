"""The machine's peaks, as a roofline uses them. No speed is asserted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retain.bench.peaks import MAX_BYTES, MIN_BYTES, Peaks, measure_peaks, working_set
from retain.errors import EngineError

positive = st.floats(1e6, 1e15)


@given(positive, positive, st.integers(0, 10**15), st.integers(0, 10**15))
def test_the_floor_is_what_takes_longer(flops_per_s: float, bytes_per_s: float, flops: int, nbytes: int) -> None:
    floor = Peaks(flops_per_s, {MIN_BYTES: bytes_per_s}).floor_s(flops, nbytes)
    assert floor == max(flops / flops_per_s, nbytes / bytes_per_s)


def test_bytes_move_at_the_bandwidth_of_a_working_set_like_theirs() -> None:
    peaks = Peaks(1e18, {MIN_BYTES: 100e9, MAX_BYTES: 10e9})
    assert peaks.floor_s(0, 2 << 20) == pytest.approx((2 << 20) / 100e9)
    assert peaks.floor_s(0, 1 << 31) == pytest.approx((1 << 31) / 10e9)


@given(st.integers(0, 1 << 40))
def test_working_sets_are_bounded(nbytes: int) -> None:
    assert MIN_BYTES <= working_set(nbytes) <= MAX_BYTES


def test_the_best_of_several_runs_counts() -> None:
    best = Peaks.best([Peaks(1.0, {10: 5.0, 20: 1.0}), Peaks(3.0, {10: 4.0, 20: 2.0})])
    assert best == Peaks(3.0, {10: 5.0, 20: 2.0})


def test_measured_in_a_process_of_its_own() -> None:
    peaks = measure_peaks(1, [MIN_BYTES, 3 * MIN_BYTES, 100])
    assert sorted(peaks.bytes_per_s) == [MIN_BYTES, 3 * MIN_BYTES]
    assert peaks.flops_per_s > 1e8
    assert min(peaks.bytes_per_s.values()) > 1e8


def test_the_way_of_a_gpu_measures_on_the_processor_too() -> None:
    pytest.importorskip("torch")
    from retain.bench.peaks import _on_torch

    peaks = _on_torch("cpu", [MIN_BYTES], (64,))
    assert peaks.flops_per_s > 1e6
    assert peaks.bytes_per_s[MIN_BYTES] > 1e7


def test_without_a_gpu_that_is_said() -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(EngineError, match=r"the peaks of cuda could not be measured: torch .* sees no GPU"):
        measure_peaks(1, [MIN_BYTES], "cuda")
