"""The diagnosis of a merge, without the merge."""

from pathlib import Path

import numpy as np
import pytest
from retain.merge import merge
from retain.merge.diff import diff

from .policies import STATISTICS, file_bytes, finetuned, weights, write_pair, write_policy


def test_the_figures_are_those_of_a_merge(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path, "BF16")
    before = file_bytes(tmp_path)
    found = diff(base, tuned)
    assert file_bytes(tmp_path) == before
    report = merge(base, tuned, tmp_path / "merged", 0.5)
    for name, part in found.components.items():
        merged = report.components[name]
        assert part.relative_update == pytest.approx(merged.relative_update, rel=1e-4)
        assert part.cosine == pytest.approx(merged.cosine, abs=1e-6)
        assert part.unchanged == merged.unchanged
        assert part.effective_alpha is None
    assert found.obstacles == ()


def test_what_a_merge_would_refuse_is_listed_and_the_rest_is_compared(tmp_path: Path) -> None:
    made = weights()
    other = finetuned(made)
    del other["vision.layer1.weight"]
    other["vision.extra"] = np.ones(3)
    base = write_policy(tmp_path / "base", made)
    statistics = {**STATISTICS, "action.std": np.array([1.0, 4.0])}
    tuned = write_policy(tmp_path / "tuned", other, statistics=statistics)
    found = diff(base, tuned)
    assert len(found.obstacles) == 2
    assert "normalization statistics" in found.obstacles[0]
    assert "need --missing" in found.obstacles[1] or "needs --missing" in found.obstacles[1]
    assert found.only_base == ("vision.layer1.weight",)
    assert found.only_finetuned == ("vision.extra",)
    assert found.components["action"].relative_update is not None


def test_ends_of_different_dtypes_can_be_compared(tmp_path: Path) -> None:
    made = weights()
    base = write_policy(tmp_path / "base", made, "F32")
    tuned = write_policy(tmp_path / "tuned", finetuned(made), "BF16")
    found = diff(base, tuned)
    assert found.components["vision"].relative_update == pytest.approx(0.05, rel=0.2)


def test_weights_that_are_not_finite_are_an_obstacle(tmp_path: Path) -> None:
    made = weights()
    broken = finetuned(made)
    broken["action.layer0.weight"] = np.full((40, 7), np.nan)
    base, tuned = write_policy(tmp_path / "base", made), write_policy(tmp_path / "tuned", broken)
    (obstacle,) = diff(base, tuned).obstacles
    assert "280 weights in 1 tensors are NaN or infinite: action.layer0.weight[0, 0] of the finetuned end" in obstacle


def test_a_frozen_component_and_the_tensors_that_moved_most_are_named(tmp_path: Path) -> None:
    made = weights()
    other = {
        name: values if name.startswith("language") else values + 1e-3 * (values.dtype.kind == "f")
        for name, values in made.items()
    }
    other["action.layer1.weight"] = made["action.layer1.weight"] * 2
    base, tuned = write_policy(tmp_path / "base", made), write_policy(tmp_path / "tuned", other)
    found = diff(base, tuned)
    assert any(remark.startswith("language is the same at both ends") for remark in found.remarks)
    assert found.most_changed[0].name == "action.layer1.weight"
    assert found.most_changed[0].relative_update == pytest.approx(1.0, rel=1e-5)
