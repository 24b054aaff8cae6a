"""What mergekit 0.1.5 made of the same weights: `peers/make_mergekit_fixture.py` ran it once and stored the results.

Where both define a method alike, the results agree to the last place. Where they differ on purpose, they agree under
settings that take the difference away, and a test here shows the difference:

- TIES: mergekit keeps exactly k entries even among equal magnitudes; here all that are as large as the k-th are kept.
  An entry whose updates cancel exactly elects the positive sign there and none here.
- dare_ties: mergekit adds up what agrees unless `normalize` is set; here it is TIES's disjoint mean.
- DARE and DELLA: mergekit rescales what is kept by one factor that restores the tensor's L1 norm; here each entry is
  divided by its own keep-probability, as in the papers, so that its expectation stays. At density 1 nothing is
  rescaled. The draws differ, so shares are compared, not values.
- DELLA: a row is axis 1 there and the last axis here: the same for matrices.
- slerp between two finetuned policies is mergekit's `nuslerp` with a base.
- model_stock: opposing task vectors make t negative there, and 0 here.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from retain.merge import merge

from . import oracle
from .oracle_numbers import neighbours
from .policies import read_weights, write_policy

Array = oracle.Array

FIXTURE = Path(__file__).parent / "peers" / "mergekit-0.1.5.safetensors"
STORED = read_weights(FIXTURE)
TENSORS = ("matrix", "vector")
SKILLS = ("skill0", "skill1", "skill2")
FLOAT32_ERROR = 4 * 2.0**-24
"""What mergekit's fp32 arithmetic may add, in parts of the largest weight: a few roundings."""


@dataclass(frozen=True)
class Case:
    """A merge by our names: what mergekit was asked for is in the fixture's metadata under the same key."""

    method: str
    ends: tuple[str, ...]
    alpha: float = 1.0
    weights: tuple[float, ...] = ()
    density: float | None = None


CASES = {
    "linear": Case("linear", ("near",), 0.3),
    "soup": Case("soup", SKILLS),
    "slerp_near": Case("slerp", ("near",), 0.3),
    "slerp_far": Case("slerp", ("skill0",), 0.3),
    "slerp_updates": Case("slerp", SKILLS[:2], 1.0, (1.0, 3.0)),
    "task_arithmetic": Case("task_arithmetic", SKILLS, 0.7, (1.0, 0.5, -0.25)),
    "ties": Case("ties", SKILLS, 0.7, (1.0, 2.0, 1.0), 0.25),
    "ties_of_one": Case("ties", ("skill0",), 1.0, (1.0,), 0.25),
    "dare_linear": Case("dare_linear", SKILLS, 0.7, (1.0, 0.5, 2.0), 1.0),
    "dare_ties": Case("dare_ties", SKILLS, 1.0, (1.0, 0.731, 1.9177), 1.0),
    "della_linear": Case("della_linear", SKILLS, 0.7, (1.0, 0.5, 2.0), 1.0),
    "della": Case("della", SKILLS, 0.7, (1.0, 0.731, 1.9177), 1.0),
    "model_stock": Case("model_stock", SKILLS),
    "model_stock_of_two": Case("model_stock", SKILLS[:2]),
}

ORACLE: dict[str, Callable[[Case, Array, Sequence[Array]], Array]] = {
    "linear": lambda case, p, ends: oracle.linear(p, ends[0], case.alpha),
    "soup": lambda case, p, ends: oracle.soup(p, ends, case.alpha),
    "slerp": lambda case, p, ends: (
        oracle.slerp(p, ends[0], case.alpha)
        if len(ends) == 1
        else oracle.slerp_updates(p, ends, case.weights, case.alpha)
    ),
    "task_arithmetic": lambda case, p, ends: oracle.task_arithmetic(p, ends, case.weights, case.alpha),
    "ties": lambda case, p, ends: oracle.ties(p, ends, case.weights, case.alpha, case.density or 1.0),
    "dare_linear": lambda case, p, ends: oracle.dare_linear(p, ends, case.weights, case.alpha, 1.0, 7),
    "dare_ties": lambda case, p, ends: oracle.dare_ties(p, ends, case.weights, case.alpha, 1.0, 7),
    "della_linear": lambda case, p, ends: oracle.della_linear(p, ends, case.weights, case.alpha, 1.0, 0.0, 7),
    "della": lambda case, p, ends: oracle.della(p, ends, case.weights, case.alpha, 1.0, 0.0, 7),
    "model_stock": lambda case, p, ends: oracle.model_stock(p, ends, case.alpha),
}


def is_mergekits(exact: Array, theirs: Array, dtype: str) -> bool:
    """Whether theirs is the exact value, rounded once to the dtype after fp32 arithmetic."""
    down, up, _ = neighbours(exact, dtype)
    slack = FLOAT32_ERROR * np.abs(exact).max()
    rounding = 0.0 if dtype == "F32" else (up - down) / 2
    return bool((np.abs(theirs - exact) <= rounding + slack).all())


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
@pytest.mark.parametrize("name", CASES)
def test_the_oracle_agrees_with_mergekit(name: str, dtype: str) -> None:
    case = CASES[name]
    for tensor in TENSORS:
        base, *ends = (STORED[f"{dtype}.{end}.{tensor}"] for end in ("base", *case.ends))
        exact = ORACLE[case.method](case, base, ends)
        assert is_mergekits(exact, STORED[f"{dtype}.{name}.{tensor}"], dtype)


def write_end(directory: Path, dtype: str, end: str) -> Path:
    stored = {f"language.{tensor}": STORED[f"{dtype}.{end}.{tensor}"] for tensor in TENSORS}
    return write_policy(directory / end, stored, dtype)


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
@pytest.mark.parametrize("name", CASES)
def test_retain_merge_agrees_with_mergekit(tmp_path: Path, name: str, dtype: str) -> None:
    case = CASES[name]
    base, *ends = (write_end(tmp_path, dtype, end) for end in ("base", *case.ends))
    options: dict[str, Any] = {}
    if case.weights:
        options["weights"] = case.weights
    if case.density is not None:
        options["density"] = case.density
    if case.method in ("della", "della_linear"):
        options["spread"] = 0.0  # every probability is 1 then
    merge(base, ends, tmp_path / "merged", case.alpha, method=case.method, sync=False, hashing=False, **options)
    merged = read_weights(tmp_path / "merged" / "model.safetensors")
    for tensor in TENSORS:
        p, *updated = (STORED[f"{dtype}.{end}.{tensor}"] for end in ("base", *case.ends))
        exact = ORACLE[case.method](case, p, updated)
        down, up, _ = neighbours(exact, dtype)
        ours, theirs = merged[f"language.{tensor}"], STORED[f"{dtype}.{name}.{tensor}"]
        # As near to the exact value as mergekit is, and never further from mergekit's than the next value of the dtype.
        assert is_mergekits(exact, ours, dtype)
        assert (np.abs(ours - theirs) <= (up - down) + FLOAT32_ERROR * np.abs(exact).max()).all()
        if dtype == "F32":  # computed in fp64 and rounded once, where mergekit computes in fp32
            assert np.abs(ours - exact).max() <= np.abs(theirs - exact).max()


def test_every_merge_in_the_fixture_is_compared() -> None:
    content = FIXTURE.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    asked = json.loads(header["__metadata__"]["cases"])
    assert {name for name in asked if not name.startswith("random.")} == CASES.keys()
    assert len(content) < 200_000


def test_the_comparison_notices_a_wrong_weight() -> None:
    base, near = (STORED[f"BF16.{end}.matrix"] for end in ("base", "near"))
    assert not is_mergekits(oracle.linear(base, near, 0.31), STORED["BF16.linear.matrix"], "BF16")


SHAPE = (256, 64)
PROBABILITY = {
    "random.dare_linear": np.full(8, 0.3),
    "random.della_linear": 0.2 + 0.6 * (8 * np.arange(8) + 3.5) / 63,  # ranks 8i … 8i + 7 of 64
}


def is_share(share: Array, probability: Array) -> bool:
    """Whether shares of 2048 entries each may come from that probability: within five standard deviations."""
    return bool((np.abs(share - probability) < 5 * np.sqrt(probability * (1 - probability) / 2048)).all())


def share_by_eighth(tau: Array, kept: Array) -> Array:
    eighth = np.argsort(np.argsort(np.abs(tau), axis=1), axis=1) * 8 // tau.shape[1]
    return np.array([kept[eighth == i].mean() for i in range(8)])


def test_random_methods_keep_what_mergekit_keeps_on_average() -> None:
    tau = np.random.default_rng(0).standard_normal(SHAPE)
    zero = np.zeros(SHAPE)
    ours = {
        "random.dare_linear": oracle.dare_linear(zero, [tau], [1.0], 1.0, 0.3, key=1),
        "random.della_linear": oracle.della_linear(zero, [tau], [1.0], 1.0, 0.5, 0.3, key=1),
    }
    for name, probability in PROBABILITY.items():
        assert is_share(STORED[f"{name}.share_kept"], probability)
        assert is_share(share_by_eighth(tau, ours[name] != 0), probability)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("random.dare_linear", {"method": "dare_linear", "density": 0.3}),
        ("random.della_linear", {"method": "della_linear", "density": 0.5, "spread": 0.3}),
    ],
)
def test_retain_merge_keeps_what_mergekit_keeps_on_average(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    tau = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32).astype(np.float64)
    base = write_policy(tmp_path / "base", {"language.w": np.zeros(SHAPE)})
    tuned = write_policy(tmp_path / "finetuned", {"language.w": tau})
    merge(base, tuned, tmp_path / "merged", 1.0, seed=3, **options)
    merged = read_weights(tmp_path / "merged" / "model.safetensors")["language.w"]
    kept = merged != 0
    assert is_share(share_by_eighth(tau, kept), PROBABILITY[name])
    divided = tau / oracle.keep_probability(tau, options["density"], options.get("spread", 0.0))
    assert np.allclose(merged[kept], divided[kept], rtol=2.0**-23, atol=0)


def test_mergekit_rescales_by_one_factor_where_the_papers_divide_by_the_probability() -> None:
    for name in PROBABILITY:
        least, most = STORED[f"{name}.factors"]
        assert most - least < 1e-5
        assert np.allclose(STORED[f"{name}.l1"], 1.0, rtol=1e-5)
    # DELLA's smallest entries live on as .2 × 1.61 of themselves on average, the largest as .8 × 1.61.
    assert 1 / STORED["random.della_linear.factors"][0] > 0.6


def test_equal_magnitudes_at_the_threshold_are_all_kept_here() -> None:
    tau = np.array([1.0, -1.0, 1.0, 0.5])
    assert np.count_nonzero(STORED["different.trimmed_at_equal_magnitudes"]) == 2
    assert oracle.ties(np.zeros(4), [tau], [1.0], 1.0, 0.5).tolist() == [1.0, -1.0, 1.0, 0.0]


def test_updates_that_cancel_elect_nobody_here_and_the_positive_one_there() -> None:
    ends = [np.array([1.0, 2.0]), np.array([-1.0, 1.0])]
    assert STORED["different.elected_where_updates_cancel"].tolist() == [1.0, 1.5]
    assert oracle.ties(np.zeros(2), ends, [1.0, 1.0], 1.0, 1.0).tolist() == [0.0, 1.5]


def test_opposing_updates_leave_the_base_here_and_are_reversed_there() -> None:
    ends = [np.array([1.0, 0.0]), np.array([-0.5, 0.75**0.5])]
    assert np.allclose(STORED["different.stock_of_opposing_updates"], [-0.5, -(0.75**0.5)], rtol=1e-6)
    assert oracle.model_stock(np.zeros(2), ends).tolist() == [0.0, 0.0]
