"""Real-time chunking as the loop computes it, in float32 between two steps of the engine, against NumPy in float64."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from retain._core.engine import OnnxRuntimeEngine
from retain._core.runtime import guided_velocity, sample_chunk
from retain.bundle import Bundle
from retain.engine import open_engine

from .chunking_oracle import continued_chunk, guided, guided_chunk, mask, philox_normal
from .nonlinear_flow import CHANNELS, HORIZON, NonlinearFlow, open_flow, random_flow

Float32 = npt.NDArray[np.float32]


@pytest.fixture(params=range(4))
def flow(request: pytest.FixtureRequest) -> NonlinearFlow:
    return random_flow(request.param)


@pytest.fixture
def engine(flow: NonlinearFlow, tmp_path: Path) -> OnnxRuntimeEngine:
    return open_flow(flow, tmp_path)


def chunk_like(seed: int) -> Float32:
    return np.random.default_rng(seed).standard_normal((HORIZON, CHANNELS)).astype(np.float32)


@given(
    H=st.integers(1, 64),
    A=st.integers(1, 14),
    rows=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    tau=st.floats(0, 0.984375, width=32),
    beta=st.floats(0.125, 128, width=32),
    seed=st.integers(0, 1000),
)
def test_one_guided_step_is_the_papers(
    H: int, A: int, rows: tuple[float, float], tau: float, beta: float, seed: int
) -> None:
    d, e = sorted(round(share * H) for share in rows)
    rng = np.random.default_rng(seed)
    x, Y, v = (rng.standard_normal((H, A)).astype(np.float32) for _ in range(3))
    ours = guided_velocity(x, Y, v, d, e, tau, beta)
    exact = guided(x.astype(np.float64), Y.astype(np.float64), v.astype(np.float64), mask(H, d, e), tau, beta)
    # float32 keeps seven digits of the largest term, which is β·(Y − x̂₁).
    assert np.abs(ours - exact).max() <= 1e-6 * max(1.0, beta * np.abs(Y).max() * 2, np.abs(exact).max())
    assert np.array_equal(ours[e:], v[e:])


@pytest.mark.parametrize("steps", [1, 5, 10])
@pytest.mark.parametrize(("d", "e"), [(0, 0), (0, 12), (1, 2), (3, 8), (5, 5), (11, 12), (12, 12)])
def test_a_guided_chunk_is_the_references(
    engine: OnnxRuntimeEngine, flow: NonlinearFlow, steps: int, d: int, e: int
) -> None:
    """Measured: at most 3e-7 of the largest value apart (values up to 7)."""
    Y = chunk_like(17)
    noise = philox_normal(5, 9, HORIZON * CHANNELS).reshape(HORIZON, CHANNELS)
    ours = sample_chunk(engine, 5, 9, steps, "guided", Y, d, e, 5.0)
    exact = guided_chunk(noise, flow.velocity, steps, Y.astype(np.float64), d, e, 5.0)
    assert np.abs(ours - exact).max() < 1e-6 * max(1.0, np.abs(exact).max())


@pytest.mark.parametrize("steps", [1, 5, 10])
@pytest.mark.parametrize("d", [0, 1, 4, 11, 12])
def test_a_continued_chunk_is_the_references_and_begins_with_the_given_rows(
    engine: OnnxRuntimeEngine, flow: NonlinearFlow, steps: int, d: int
) -> None:
    Y = chunk_like(23)
    noise = philox_normal(5, 9, HORIZON * CHANNELS).reshape(HORIZON, CHANNELS)
    ours = sample_chunk(engine, 5, 9, steps, "prefix", Y, d, HORIZON)
    exact = continued_chunk(noise, flow.velocity, steps, Y.astype(np.float64), d)
    assert np.array_equal(ours[:d], Y[:d])
    assert np.abs(ours - exact).max() < 1e-6 * max(1.0, np.abs(exact).max())


def test_what_the_prefix_holds_after_its_rows_does_not_matter(engine: OnnxRuntimeEngine) -> None:
    """lerobot #4454 padded the left-over with zeros, which decode to the data set's mean; here the rest is not read."""
    Y = chunk_like(2)
    poisoned = Y.copy()
    poisoned[4:] = np.nan
    for splice, e in (("prefix", HORIZON), ("guided", 4)):
        plain = sample_chunk(engine, 1, 1, 5, splice, Y, 4, e, 5.0)
        assert np.array_equal(plain, sample_chunk(engine, 1, 1, 5, splice, poisoned, 4, e, 5.0))


def test_without_rows_to_keep_every_form_is_the_plain_chunk(engine: OnnxRuntimeEngine) -> None:
    plain = sample_chunk(engine, 3, 4, 5)
    for splice in ("guided", "prefix"):
        assert np.array_equal(plain, sample_chunk(engine, 3, 4, 5, splice, chunk_like(0), 0, 0, 5.0))


def test_a_bundles_chunk_goes_on_from_the_given_rows(drifting: Path) -> None:
    """Through a bundle and its engine; its flow has a closed form: v = (chunk − x)/(1 − t)."""
    bundle = Bundle.open(drifting)
    engine = open_engine(bundle)
    info = engine.info
    image = np.zeros((1, info.images[0].height, info.images[0].width, 3), np.uint8)
    tokens, words = np.zeros((1, info.max_tokens), np.int64), np.zeros((1, info.max_tokens), np.bool_)
    engine.prefix([image], tokens, words, np.zeros((1, info.state_dim), np.float32))
    target = sample_chunk(engine, 1, 1, 4).astype(np.float64)
    H, A = target.shape
    Y = (target + 0.1).astype(np.float32)
    noise = philox_normal(1, 1, H * A).reshape(H, A)
    exact = guided_chunk(noise, lambda x, t: (target - x) / (1 - t[:, None]), 4, Y.astype(np.float64), 3, 8, 5.0)
    assert np.abs(sample_chunk(engine, 1, 1, 4, "guided", Y, 3, 8, 5.0) - exact).max() < 1e-6
