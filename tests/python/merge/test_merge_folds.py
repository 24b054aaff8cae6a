"""A merge folds by itself: its result is the mean of the base and of the finetuned policy in the base's units."""

from pathlib import Path

import numpy as np
import pytest
from retain.errors import MergeError
from retain.merge import merge
from retain.merge.verify import verify

from .lerobot_directory import STATISTICS_OF, write_lerobot
from .policies import Array, file_bytes, read_weights

HEAD = "model.action_head"
WEIGHTS = "model.safetensors"


def act(place: Path, seed: int, deviation: float) -> tuple[Path, dict[str, Array]]:
    """An ACT-shaped policy whose actions are normalized by mean 0.5 and a deviation of its own."""
    random = np.random.default_rng(seed)
    made: dict[str, Array] = {
        f"{HEAD}.weight": random.standard_normal((3, 8)),
        f"{HEAD}.bias": random.standard_normal(3),
        "model.encoder.layers.0.linear1.weight": random.standard_normal((8, 8)),
    }
    low, high = STATISTICS_OF["MEAN_STD"]
    statistics = {f"action.{low}": np.full(3, 0.5), f"action.{high}": np.full(3, deviation)}
    modes = {"ACTION": "MEAN_STD"}
    return write_lerobot(
        place, made, kind="act", statistics=statistics, modes=modes, dtype="F64", epsilon=0.0, config={"use_vae": False}
    ), made


def test_half_the_deviation_does_not_make_actions_half_again_as_large(tmp_path: Path) -> None:
    base, p = act(tmp_path / "base", 0, 2.0)
    tuned, f = act(tmp_path / "tuned", 1, 1.0)
    report = merge(base, tuned, tmp_path / "merged", 0.5, sync=False)
    merged = read_weights(tmp_path / "merged" / WEIGHTS)
    # In the base's units the finetuned head is half as steep: W' = (σ_f/σ_b)·W, b' = (σ_f·b + μ_f − μ_b)/σ_b.
    assert np.allclose(merged[f"{HEAD}.weight"], 0.5 * (p[f"{HEAD}.weight"] + 0.5 * f[f"{HEAD}.weight"]), atol=1e-12)
    assert np.allclose(merged[f"{HEAD}.bias"], 0.5 * (p[f"{HEAD}.bias"] + 0.5 * f[f"{HEAD}.bias"]), atol=1e-12)
    trunk = "model.encoder.layers.0.linear1.weight"
    assert np.allclose(merged[trunk], 0.5 * (p[trunk] + f[trunk]), atol=1e-12)
    assert report.normalization[0]["status"] == "folded"
    assert any("first and last layers were rewritten for the base's" in warning for warning in report.warnings)


def test_the_bases_statistics_go_with_the_result_and_it_verifies(tmp_path: Path) -> None:
    base, _ = act(tmp_path / "base", 0, 2.0)
    tuned, _ = act(tmp_path / "tuned", 1, 1.0)
    merge(base, tuned, tmp_path / "merged", 1.0)
    merged, wanted = file_bytes(tmp_path / "merged"), file_bytes(base)
    assert all(merged[name] == content for name, content in wanted.items() if name != WEIGHTS)
    assert verify(tmp_path / "merged").problems == ()


def test_folding_can_be_refused(tmp_path: Path) -> None:
    base, _ = act(tmp_path / "base", 0, 2.0)
    tuned, _ = act(tmp_path / "tuned", 1, 1.0)
    with pytest.raises(MergeError, match="leave out --no-fold"):
        merge(base, tuned, tmp_path / "merged", 0.5, fold=False)
