"""Every method against its fp64 oracle, over shapes, dtypes, ends and settings."""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retain.errors import MergeError
from retain.merge import METHODS, merge

from . import oracle
from .policies import Array, read_weights, write_weights

WEIGHTS = "model.safetensors"
ROUNDING = {"BF16": 2.0**-8, "F16": 2.0**-11, "F32": 2.0**-24, "F64": 2.0**-52}
SHAPES: dict[str, tuple[int, ...]] = {"action.w": (37, 24), "action.b": (24,), "vision.s": (), "vision.c": (5, 3, 2, 2)}


def key_of(name: str, seed: int = 0) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed}\0{name}".encode(), digest_size=8).digest(), "little")


def ends_on_disk(
    directory: Path, count: int, dtype: str, seed: int, size: float = 0.05
) -> tuple[list[Path], list[dict[str, Array]]]:
    """A base and `count` finetuned ends, and what they hold after storage."""
    random = np.random.default_rng(seed)
    base = {name: random.standard_normal(shape) for name, shape in SHAPES.items()}
    ends = [base]
    ends += [
        {name: values + size * random.standard_normal(values.shape) for name, values in base.items()}
        for _ in range(count)
    ]
    files = [directory / f"end{number}.safetensors" for number in range(count + 1)]
    for file, end in zip(files, ends, strict=True):
        write_weights(file, end, dtype)
    return files, [read_weights(file) for file in files]


Weights = tuple[float, ...]
Oracle = Callable[[str, Array, list[Array], float, Weights], Array]
CASES: dict[str, tuple[Weights, dict[str, Any], Oracle]] = {
    "linear": ((1,), {}, lambda _, p, f, a, w: oracle.linear(p, f[0], a)),
    "task_arithmetic": (
        (1, -0.5, 2), {"weights": (1, -0.5, 2)}, lambda _, p, f, a, w: oracle.task_arithmetic(p, f, w, a),
    ),
    "soup": ((1, 1, 1), {}, lambda _, p, f, a, w: oracle.soup(p, f, a)),
    "ties": ((1, 2, 0.5), {"weights": (1, 2, 0.5)}, lambda _, p, f, a, w: oracle.ties(p, f, w, a, 0.2)),
    "ties of one": ((1,), {"method": "ties", "density": 0.5}, lambda _, p, f, a, w: oracle.ties(p, f, w, a, 0.5)),
    "dare_linear": (
        (1, 1), {"density": 0.3, "seed": 7}, lambda n, p, f, a, w: oracle.dare_linear(p, f, w, a, 0.3, key_of(n, 7)),
    ),
    "dare_ties": ((1, 1), {}, lambda n, p, f, a, w: oracle.dare_ties(p, f, w, a, 0.5, key_of(n))),
    "della_linear": (
        (1, 1), {"density": 0.4, "spread": 0.2},
        lambda n, p, f, a, w: oracle.della_linear(p, f, w, a, 0.4, 0.2, key_of(n)),
    ),
    "della": ((1, 1, 1), {}, lambda n, p, f, a, w: oracle.della(p, f, w, a, 0.5, 0.1, key_of(n))),
    "slerp": ((1,), {}, lambda _, p, f, a, w: oracle.slerp(p, f[0], a)),
    "slerp of two": (
        (1, 3), {"method": "slerp", "weights": (1, 3)}, lambda _, p, f, a, w: oracle.slerp_updates(p, f, w, a),
    ),
    "model_stock": ((1, 1, 1), {}, lambda _, p, f, a, w: oracle.model_stock(p, f, a)),
}  # fmt: skip


def undecided(expected: Oracle, tensor: str, p: Array, f: list[Array], alpha: float, weights: Weights) -> Array:
    """Where a hair's breadth in the weights elects the other sign: there fp32 and fp64 may disagree."""
    results = [
        expected(
            tensor, p, f, alpha, tuple(weight * (1 + sign * 1e-6 * (end + 1)) for end, weight in enumerate(weights))
        )
        for sign in (1, -1)
    ]
    undecided: Array = np.abs(results[0] - results[1]) > 1e-4 * sum(np.abs(end - p) for end in f)
    return undecided


def test_every_method_has_a_case() -> None:
    assert {options.get("method", name) for name, (_, options, _) in CASES.items()} == METHODS.keys()


@pytest.mark.parametrize("name", CASES)
@given(
    dtype=st.sampled_from(list(ROUNDING)),
    alpha=st.sampled_from([0.1, 0.5, 0.75, 1.0]),
    seed=st.integers(0, 1000),
    size=st.sampled_from([0.01, 0.05, 0.8]),
    threads=st.integers(1, 3),
)
@settings(deadline=None, max_examples=12)
def test_it_computes_what_the_paper_says(
    name: str, dtype: str, alpha: float, seed: int, size: float, threads: int
) -> None:
    weights, options, expected = CASES[name]
    count = len(weights)
    options = {"method": name, **options}
    with tempfile.TemporaryDirectory() as place:
        files, ends = ends_on_disk(Path(place), count, dtype, seed, size)
        merge(files[0], files[1:], Path(place) / "out", alpha, threads=threads, hashing=False, sync=False, **options)
        merged = read_weights(Path(place) / "out" / WEIGHTS)
    for tensor, found in merged.items():
        p, f = ends[0][tensor], [end[tensor] for end in ends[1:]]
        wanted = expected(tensor, p, f, alpha, weights)
        scale = np.abs(wanted) + np.abs(p) + sum(np.abs(end - p) for end in f) / options.get("density", 0.2)
        arithmetic = 2.0**-21 if dtype in ("BF16", "F16") else 2.0**-49  # fp32, or fp64 in another order
        if dtype in ("F32", "F64"):
            arithmetic = 2.0**-46
        smallest = 2.0**-24 if dtype == "F16" else 0.0
        wrong = np.abs(found - wanted) > ROUNDING[dtype] * np.abs(wanted) + arithmetic * scale + smallest
        assert not (wrong & ~undecided(expected, tensor, p, f, alpha, weights)).any()


@pytest.mark.parametrize("name", [name for name in METHODS if name != "linear"])
def test_the_draw_and_the_result_do_not_depend_on_threads(name: str, tmp_path: Path) -> None:
    count = 2
    files, _ = ends_on_disk(tmp_path, count, "BF16", 3)
    for threads in (1, 3):
        finetuned = files[1:2] if METHODS[name].ends[1] == 1 else files[1:]
        merge(files[0], finetuned, tmp_path / f"out{threads}", 0.5, method=name, threads=threads, sync=False)
    assert (tmp_path / "out1" / WEIGHTS).read_bytes() == (tmp_path / "out3" / WEIGHTS).read_bytes()


def test_another_seed_is_another_draw_and_the_same_seed_the_same(tmp_path: Path) -> None:
    files, _ = ends_on_disk(tmp_path, 1, "F32", 3)
    for output, seed in (("a", 1), ("b", 1), ("c", 2)):
        merge(files[0], files[1], tmp_path / output, 1.0, method="dare_linear", seed=seed, sync=False)
    a, b, c = ((tmp_path / output / WEIGHTS).read_bytes() for output in "abc")
    assert a == b != c


@pytest.mark.parametrize(
    ("ends", "options", "sentence"),
    [
        (2, {}, "linear merges 1 finetuned policy, but 2 were given; task_arithmetic"),
        (1, {"method": "model_stock"}, "model_stock merges 2 or more finetuned policies, but 1 were given"),
        (3, {"method": "slerp"}, "slerp merges 1 to 2 finetuned policies"),
        (1, {"density": 0.5}, "linear has no density; it takes none such"),
        (1, {"method": "ties", "spread": 0.5}, "ties has no spread; it takes density, weights"),
        (2, {"method": "ties", "weights": (1,)}, "1 weights were given for 2"),
        (2, {"method": "ties", "weights": (1, -1)}, "use task_arithmetic, which can subtract"),
        (1, {"method": "ties", "density": 0}, r"the density is 0; it must be a share in \(0, 1\]"),
        (1, {"method": "della", "density": 0.95}, "choose a smaller spread"),
        (1, {"seed": 1}, "nothing in the method linear is random"),
        (1, {"method": "median"}, "it must be one of linear, task_arithmetic"),
    ],
)
def test_settings_without_effect_or_sense_are_refused(
    tmp_path: Path, ends: int, options: dict[str, Any], sentence: str
) -> None:
    files, _ = ends_on_disk(tmp_path, ends, "F32", 0)
    with pytest.raises(MergeError, match=sentence):
        merge(files[0], files[1:], tmp_path / "out", 0.5, **options)
    assert not (tmp_path / "out").exists()


def test_methods_with_an_alpha_of_their_own_need_none(tmp_path: Path) -> None:
    files, ends = ends_on_disk(tmp_path, 2, "F64", 0)
    merge(files[0], files[1:], tmp_path / "out", method="soup", sync=False)
    found = read_weights(tmp_path / "out" / WEIGHTS)["action.w"]
    assert np.allclose(found, (ends[1]["action.w"] + ends[2]["action.w"]) / 2, rtol=0, atol=1e-15)
    with pytest.raises(MergeError, match="the method ties has no alpha of its own"):
        merge(files[0], files[1:], tmp_path / "none", method="ties")


def test_a_weight_of_minus_one_takes_a_task_vector_away_again(tmp_path: Path) -> None:
    files, _ = ends_on_disk(tmp_path, 2, "F64", 0)
    merge(files[0], files[1:], tmp_path / "both", 0.5, method="task_arithmetic", sync=False)
    merge(
        files[0],
        [tmp_path / "both", files[1]],
        tmp_path / "one",
        1.0,
        method="task_arithmetic",
        weights=(1, -0.5),
        sync=False,
    )
    merge(files[0], files[2], tmp_path / "direct", 0.5, sync=False)
    one, direct = (read_weights(tmp_path / name / WEIGHTS) for name in ("one", "direct"))
    assert all(np.allclose(one[name], direct[name], rtol=0, atol=1e-14) for name in one)


def test_slerp_of_an_ordinary_finetune_is_linear(tmp_path: Path) -> None:
    files, _ = ends_on_disk(tmp_path, 1, "F32", 0, size=1e-3)
    for method in ("linear", "slerp"):
        merge(files[0], files[1], tmp_path / method, 0.3, method=method, sync=False)
    assert (tmp_path / "linear" / WEIGHTS).read_bytes() == (tmp_path / "slerp" / WEIGHTS).read_bytes()
