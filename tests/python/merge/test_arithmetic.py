import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from retain._core.merge import available_isas
from retain.merge import merge

from .policies import (
    Array,
    file_bytes,
    finetuned,
    read_weights,
    weights,
    write_pair,
    write_policy,
    write_weights,
)

WEIGHTS = "model.safetensors"
PRECISION = {"BF16": (8, -126), "F16": (11, -14), "F32": (24, -126), "F64": (53, -1022)}
LARGEST = {"BF16": 2.0**126, "F16": 2.0**15, "F32": 2.0**126, "F64": 2.0**1000}


def last_place(dtype: str, values: Array) -> Array:
    precision, smallest = PRECISION[dtype]
    _, exponents = np.frexp(np.where(values == 0, 2.0**smallest, np.abs(values)))
    return np.ldexp(1.0, np.maximum(exponents - 1, smallest) - precision + 1)


def is_right(merged: Array, ends: tuple[Array, Array], alpha: float, dtype: str, stored: str | None = None) -> bool:
    """Within one last place of the formula in more precision than any dtype has."""
    wide = np.longdouble
    p, f = ends
    exact = p.astype(wide) + wide(alpha) * (f.astype(wide) - p.astype(wide))
    allowed = last_place(stored or dtype, exact.astype(np.float64))
    if dtype == "F64":  # no wider type to compute in: where the ends cancel, fp64's own error at their size remains
        allowed = allowed + last_place("F64", np.maximum(np.abs(p), np.abs(f)))
    return bool((np.abs(merged - exact) <= allowed).all())


@pytest.mark.parametrize("dtype", PRECISION)
def test_alpha_zero_is_the_base_bit_for_bit(tmp_path: Path, dtype: str) -> None:
    base, tuned = write_pair(tmp_path, dtype)
    merge(base, tuned, tmp_path / "merged", 0.0)
    assert (tmp_path / "merged" / WEIGHTS).read_bytes() == (base / WEIGHTS).read_bytes()


@pytest.mark.parametrize("dtype", PRECISION)
def test_alpha_one_is_the_finetuned_policy_bit_for_bit(tmp_path: Path, dtype: str) -> None:
    base, tuned = write_pair(tmp_path, dtype)
    merge(base, tuned, tmp_path / "merged", 1.0)
    assert (tmp_path / "merged" / WEIGHTS).read_bytes() == (tuned / WEIGHTS).read_bytes()


@given(data=st.data(), dtype=st.sampled_from(list(PRECISION)), threads=st.integers(1, 3))
@settings(deadline=None, max_examples=40)
def test_alpha_one_half_is_within_one_last_place_of_fp64(data: Any, dtype: str, threads: int) -> None:
    shape = data.draw(npst.array_shapes(min_dims=0, max_dims=3, max_side=9))
    elements = st.floats(-LARGEST[dtype], LARGEST[dtype], width=64)
    ends = [{"w": data.draw(npst.arrays(np.float64, shape, elements=elements))} for _ in range(2)]
    with tempfile.TemporaryDirectory() as name:
        files = [Path(name) / "base.safetensors", Path(name) / "finetuned.safetensors"]
        for file, end in zip(files, ends, strict=True):
            write_weights(file, end, dtype)
        p, f = (read_weights(file)["w"] for file in files)
        merge(*files, Path(name) / "merged", 0.5, threads=threads, sync=False, hashing=False)
        merged = read_weights(Path(name) / "merged" / WEIGHTS)["w"]
    assert is_right(merged, (p, f), 0.5, dtype)
    assert (np.where(p == f, merged == p, True)).all()


@pytest.mark.parametrize("dtype", PRECISION)
@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.9])
def test_every_component_has_its_own_alpha(tmp_path: Path, dtype: str, alpha: float) -> None:
    base, tuned = write_pair(tmp_path, dtype)
    merge(base, tuned, tmp_path / "merged", {"vision": 1.0, "language": 0.0, "action": alpha})
    p, f, merged = (read_weights(end / WEIGHTS) for end in (base, tuned, tmp_path / "merged"))
    for name, values in merged.items():
        if name.startswith("vision") or values.dtype.kind == "i":
            assert np.array_equal(values, f[name])
        elif name.startswith("language"):
            assert np.array_equal(values, p[name])
        else:
            assert is_right(values, (p[name], f[name]), alpha, dtype)


def test_threads_change_nothing(tmp_path: Path) -> None:
    made = weights(size=60_000)  # several chunks a tensor
    base = write_policy(tmp_path / "base", made, "BF16")
    tuned = write_policy(tmp_path / "finetuned", finetuned(made), "BF16")
    reports = [merge(base, tuned, tmp_path / f"merged{n}", 0.3, threads=n, sync=False) for n in (1, 2, 5)]
    outputs = [(tmp_path / f"merged{n}" / WEIGHTS).read_bytes() for n in (1, 2, 5)]
    assert outputs[0] == outputs[1] == outputs[2]
    assert reports[0].components == reports[1].components == reports[2].components


def test_the_machine_has_kernels_beyond_scalar_ones_where_it_should() -> None:
    assert available_isas()[-1] == "scalar"


@pytest.mark.parametrize(("dtype", "stored"), [("float32", "F32"), ("float16", "F16"), ("float64", "F64")])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_the_stored_dtype_can_be_chosen(tmp_path: Path, dtype: Any, stored: str, alpha: float) -> None:
    base, tuned = write_pair(tmp_path, "BF16")
    merge(base, tuned, tmp_path / "merged", alpha, dtype=dtype)
    p, f, merged = (read_weights(end / WEIGHTS) for end in (base, tuned, tmp_path / "merged"))
    for name, values in merged.items():
        if values.dtype.kind == "i":
            assert np.array_equal(values, p[name])
        else:
            assert is_right(values, (p[name], f[name]), alpha, "BF16", stored)


def test_inputs_are_not_touched(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    before = file_bytes(base), file_bytes(tuned)
    merge(base, tuned, tmp_path / "merged", 0.5)
    assert (file_bytes(base), file_bytes(tuned)) == before


def test_merging_in_two_steps_is_merging_in_one(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path, "F64")
    merge(base, tuned, tmp_path / "half", 0.5)
    merge(base, tmp_path / "half", tmp_path / "quarter", 0.5)
    merge(base, tuned, tmp_path / "direct", 0.25)
    twice, once = (read_weights(tmp_path / name / WEIGHTS) for name in ("quarter", "direct"))
    for name in once:
        assert np.allclose(twice[name], once[name], rtol=1e-15, atol=0)


def test_extrapolation_goes_beyond_the_finetuned_end(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path, "F64")
    merge(base, tuned, tmp_path / "merged", 1.5, extrapolate=True)
    p, f, merged = (read_weights(end / WEIGHTS) for end in (base, tuned, tmp_path / "merged"))
    name = "action.layer0.weight"
    assert np.allclose(merged[name], p[name] + 1.5 * (f[name] - p[name]), rtol=1e-14, atol=0)


def test_progress_adds_up_to_the_tensors(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    steps: list[int] = []
    merge(base, tuned, tmp_path / "merged", 0.5, progress=steps.append)
    assert sum(steps) == sum(values.size * (8 if values.dtype.kind == "i" else 4) for values in weights().values())
