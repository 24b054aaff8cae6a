"""Ends in two formats, and tensors whose rows are independent."""

from pathlib import Path

import numpy as np
import pytest
from retain.errors import MergeError
from retain.merge import Recipe, merge, prepare

from .policies import Array, read_weights, write_policy

WEIGHTS = "model.safetensors"
EXPERT = "paligemma_with_expert.gemma_expert.model.layers.0.self_attn.q_proj.weight"
EMBODIMENTS = "action_head.state_encoder.layer1.W"


@pytest.mark.parametrize(("first", "second"), [("", "model."), ("model.", "")])
def test_an_openpi_base_and_a_lerobot_finetune_go_together(tmp_path: Path, first: str, second: str) -> None:
    made: dict[str, Array] = {EXPERT: np.ones((2, 3)), "action_out_proj.bias": np.zeros(3)}
    config = {"type": "pi0"}
    base = write_policy(tmp_path / "base", {first + name: values for name, values in made.items()}, config=config)
    tuned = write_policy(
        tmp_path / "tuned", {second + name: values + 1 for name, values in made.items()}, config=config
    )
    report = merge(base, tuned, tmp_path / "merged", 0.25)
    merged = read_weights(tmp_path / "merged" / WEIGHTS)
    assert merged.keys() == {first + name for name in made}  # the base's names
    for name, values in made.items():
        assert np.allclose(merged[first + name], values + 0.25)
    assert report.tied == {}


def groot(place: Path, rows: Array) -> Path:
    return write_policy(
        place, {EMBODIMENTS: rows, "action_head.vlln.weight": rows[0, 0]}, "F64", config={"type": "groot"}
    )


@pytest.fixture
def robots(tmp_path: Path) -> tuple[Path, Path, Array, Array]:
    """Five embodiments, of which finetuning moved the second far and the fourth a little."""
    random = np.random.default_rng(0)
    p = random.standard_normal((5, 3, 4))
    f = p.copy()
    f[1] += random.standard_normal((3, 4))
    f[3] += 0.01 * random.standard_normal((3, 4))
    return groot(tmp_path / "base", p), groot(tmp_path / "tuned", f), p, f


def test_embodiments_are_merged_row_by_row(tmp_path: Path, robots: tuple[Path, Path, Array, Array]) -> None:
    base, tuned, p, f = robots
    merge(
        base,
        tuned,
        tmp_path / "merged",
        0.5,
        alpha_map={r".*state_encoder.*\[1\]": 1.0, r".*state_encoder.*\[3\]": 0.0},
    )
    merged = read_weights(tmp_path / "merged" / WEIGHTS)[EMBODIMENTS]
    assert np.array_equal(merged[1], f[1])
    assert np.array_equal(merged[3], p[3])
    assert np.array_equal(merged[[0, 2, 4]], p[[0, 2, 4]])


def test_one_robots_large_update_does_not_crowd_out_anothers(
    tmp_path: Path, robots: tuple[Path, Path, Array, Array]
) -> None:
    base, tuned, p, f = robots
    merge(base, tuned, tmp_path / "merged", 1.0, method="ties", density=0.25)
    moved = read_weights(tmp_path / "merged" / WEIGHTS)[EMBODIMENTS] - p
    for row in (1, 3):  # a quarter of twelve entries in each, whatever their size
        kept = np.flatnonzero(moved[row])
        assert len(kept) == 3
        assert set(kept) == set(np.argsort(np.abs(f - p)[row], axis=None)[-3:])


def test_rows_are_one_tensor_in_the_report_and_the_file(
    tmp_path: Path, robots: tuple[Path, Path, Array, Array]
) -> None:
    base, tuned, *_ = robots
    plan = prepare(base, tuned, Recipe.of(0.5))
    assert [unit.name for unit in plan.units if unit.tensor == EMBODIMENTS] == [
        f"{EMBODIMENTS}[{row}]" for row in range(5)
    ]
    report = merge(base, tuned, tmp_path / "merged", 0.5)
    assert sum(part.tensors for part in report.components.values()) == 2
    assert (tmp_path / "merged" / WEIGHTS).stat().st_size == (base / WEIGHTS).stat().st_size
    with pytest.raises(MergeError, match=r"matches no tensor"):
        merge(base, tuned, tmp_path / "none", 0.5, alpha_map={r".*state_encoder.*\[5\]": 1.0})
