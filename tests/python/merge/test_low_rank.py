"""Adapters as the finetuned end: ΔW = s·B·A, materialised in the stream and scaled by α once."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retain.errors import MergeError
from retain.merge import merge

from .adapters import write_adapter
from .policies import Array, file_bytes, finetuned, read_weights, weights, write_policy

WEIGHTS = "model.safetensors"
TARGETS = {f"{part}.layer{layer}": (40, 7) for part in ("language", "action") for layer in range(2)}


def test_lora_alpha_is_applied_once(tmp_path: Path) -> None:
    made = weights()
    base = write_policy(tmp_path / "base", made, "F64")
    updates = write_adapter(tmp_path / "adapter", TARGETS)
    merge(base, tmp_path / "adapter", tmp_path / "merged", 0.3)
    merged = read_weights(tmp_path / "merged" / WEIGHTS)
    for name, update in updates.items():
        moved = merged[name] - made[name]
        assert np.allclose(moved, 0.3 * update, rtol=1e-5, atol=1e-7)
        assert not np.allclose(moved, 0.09 * update, rtol=0.1)  # what scaling A and B each by alpha gives
    untouched = [name for name in made if name not in updates]
    assert all(np.array_equal(merged[name], made[name]) for name in untouched)


@given(
    rank=st.integers(1, 9),
    rows=st.integers(1, 70),
    columns=st.integers(1, 40),
    dtype=st.sampled_from(["BF16", "F16", "F32"]),
    base_dtype=st.sampled_from(["BF16", "F32", "F64"]),
    alpha=st.sampled_from([0.25, 0.5, 1.0]),
    threads=st.integers(1, 3),
)
@settings(deadline=None, max_examples=30)
def test_any_rank_shape_and_dtype(
    rank: int, rows: int, columns: int, dtype: str, base_dtype: str, alpha: float, threads: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        random = np.random.default_rng(rank)
        base = write_policy(place / "base", {"action.w.weight": random.standard_normal((rows, columns))}, base_dtype)
        updates = write_adapter(place / "adapter", {"action.w": (rows, columns)}, rank=rank, dtype=dtype)
        merge(base, place / "adapter", place / "out", alpha, threads=threads, sync=False, hashing=False)
        p, m = (read_weights(end / WEIGHTS)["action.w.weight"] for end in (base, place / "out"))
    exact = p + alpha * updates["action.w.weight"]
    tolerance = {"BF16": 2.0**-8, "F32": 2.0**-22, "F64": 2.0**-22}[base_dtype]
    assert (np.abs(m - exact) <= tolerance * (np.abs(exact) + np.abs(p) * 2.0**-14) + 1e-6 * rank**0.5).all()


def test_a_merged_adapter_equals_the_merge_of_the_materialised_policy(tmp_path: Path) -> None:
    made = weights()
    base = write_policy(tmp_path / "base", made, "F32")
    updates = write_adapter(tmp_path / "adapter", TARGETS)
    full = write_policy(
        tmp_path / "full", {name: values + updates.get(name, 0) for name, values in made.items()}, "F32"
    )
    one = merge(base, tmp_path / "adapter", tmp_path / "a", 0.6)
    two = merge(base, full, tmp_path / "b", 0.6)
    a, b = (read_weights(tmp_path / name / WEIGHTS) for name in "ab")
    assert all(np.allclose(a[name], b[name], rtol=0, atol=3e-7) for name in a)
    assert one.components["action"].relative_update is not None
    assert two.components["action"].relative_update is not None


def test_fully_trained_modules_of_an_adapter_are_interpolated(tmp_path: Path) -> None:
    made = weights()
    base = write_policy(tmp_path / "base", made, "F32")
    name = "vision.layer0.weight"
    saved = {name: made[name] + 1.0}
    write_adapter(tmp_path / "adapter", TARGETS, saved=saved, config={"modules_to_save": ["vision.layer0"]})
    merge(base, tmp_path / "adapter", tmp_path / "merged", 0.5)
    assert np.allclose(read_weights(tmp_path / "merged" / WEIGHTS)[name], made[name] + 0.5, atol=1e-6)


def test_the_output_is_a_full_policy_beside_the_bases_sidecars(tmp_path: Path) -> None:
    base = write_policy(tmp_path / "base", weights(), "F32")
    write_adapter(tmp_path / "adapter", TARGETS)
    report = merge(base, tmp_path / "adapter", tmp_path / "merged", 0.5)
    files = file_bytes(tmp_path / "merged")
    assert "adapter_config.json" not in files
    assert "adapter_model.safetensors" not in files
    assert files["config.json"] == (base / "config.json").read_bytes()
    assert report.finetuned[0].kind == "peft"


def test_a_component_that_the_adapter_leaves_alone_is_reported(tmp_path: Path) -> None:
    base = write_policy(tmp_path / "base", weights(), "F32")
    write_adapter(tmp_path / "adapter", TARGETS)
    report = merge(base, tmp_path / "adapter", tmp_path / "merged", {"vision": 0.5, "default": 0.5})
    assert any("vision is the same at both ends" in warning for warning in report.warnings)


def test_an_adapter_for_other_shapes_or_names_is_refused(tmp_path: Path) -> None:
    base = write_policy(tmp_path / "base", weights(), "F32")
    write_adapter(tmp_path / "other_shape", {"action.layer0": (41, 7)})
    with pytest.raises(MergeError, match=r"(?s)disagree on 1 of .*LoRA of rank 4 for \[41, 7\]"):
        merge(base, tmp_path / "other_shape", tmp_path / "out", 0.5)
    write_adapter(tmp_path / "other_name", {"action.layer9": (40, 7)})
    with pytest.raises(MergeError, match="disagree on 1 of"):
        merge(base, tmp_path / "other_name", tmp_path / "out", 0.5)
    with pytest.raises(MergeError, match="is an adapter; give the full policy"):
        merge(tmp_path / "other_name", base, tmp_path / "out", 0.5)


def test_an_adapter_and_a_full_policy_can_be_merged_together(tmp_path: Path) -> None:
    made = weights()
    base = write_policy(tmp_path / "base", made, "F64")
    updates = write_adapter(tmp_path / "adapter", TARGETS)
    tuned: dict[str, Array] = finetuned(made)
    full = write_policy(tmp_path / "full", tuned, "F64")
    merge(base, [tmp_path / "adapter", full], tmp_path / "out", 0.5, method="task_arithmetic")
    merged = read_weights(tmp_path / "out" / WEIGHTS)
    for name, values in made.items():
        if values.dtype.kind == "f":
            exact = values + 0.5 * (updates.get(name, 0) + tuned[name] - values)
            assert np.allclose(merged[name], exact, rtol=0, atol=1e-6)
