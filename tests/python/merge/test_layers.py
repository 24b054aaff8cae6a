"""α by layer: depth scaling and maps of single tensors."""

from pathlib import Path

import numpy as np
import pytest
from retain.errors import MergeError
from retain.merge import merge

from . import oracle
from .policies import Array, read_weights, write_weights

WEIGHTS = "model.safetensors"
LAYERS = 4


@pytest.fixture
def ends(tmp_path: Path) -> tuple[Path, Path]:
    random = np.random.default_rng(0)
    made: dict[str, Array] = {"model.embed.weight": random.standard_normal((3, 4))}
    made |= {f"model.layers.{layer}.w": random.standard_normal((5, 4)) for layer in range(LAYERS)}
    made["model.norm.weight"] = random.standard_normal(4)
    write_weights(tmp_path / "base.safetensors", made, "F64")
    write_weights(tmp_path / "tuned.safetensors", {name: values + 1.0 for name, values in made.items()}, "F64")
    return tmp_path / "base.safetensors", tmp_path / "tuned.safetensors"


def moved(base: Path, merged: Path) -> dict[str, float]:
    """By how much of the task vector, which is 1 everywhere, each tensor moved."""
    p, m = read_weights(base), read_weights(merged / WEIGHTS)
    return {name: float(np.mean(m[name] - p[name])) for name in p}


def test_depth_scales_alpha_from_the_first_layer_to_the_last(tmp_path: Path, ends: tuple[Path, Path]) -> None:
    report = merge(*ends, tmp_path / "out", 0.8, depth=(0.25, 1.0), sync=False)
    found = moved(ends[0], tmp_path / "out")
    for layer in range(LAYERS):
        wanted = 0.8 * oracle.lines_factor(layer, LAYERS, 0.25, 1.0)
        assert found[f"model.layers.{layer}.w"] == pytest.approx(wanted)
    assert found["model.embed.weight"] == pytest.approx(0.8 * 0.25)
    assert found["model.norm.weight"] == pytest.approx(0.8)
    alphas = [layer.alpha for layer in report.layers["all"]]
    assert alphas == sorted(alphas)  # type: ignore[type-var]
    part = report.components["all"]
    assert part.effective_alpha == pytest.approx(part.asked_alpha)
    assert not report.warnings


def test_a_map_sets_alpha_of_single_tensors_and_the_first_match_wins(tmp_path: Path, ends: tuple[Path, Path]) -> None:
    alpha_map = {r"model\.layers\.0\..*": 0.0, r"model\.layers\.[01]\..*": 1.0, r".*norm.*": 0.25}
    merge(*ends, tmp_path / "out", 0.5, alpha_map=alpha_map, sync=False)
    found = moved(ends[0], tmp_path / "out")
    wanted = {"embed.weight": 0.5, "layers.0.w": 0.0, "layers.1.w": 1.0, "layers.2.w": 0.5, "norm.weight": 0.25}
    for name, alpha in wanted.items():
        assert found[f"model.{name}"] == pytest.approx(alpha)


def test_a_map_entry_that_matches_nothing_is_refused(tmp_path: Path, ends: tuple[Path, Path]) -> None:
    with pytest.raises(MergeError, match=r"alpha map's 'acton.*' matches no tensor"):
        merge(*ends, tmp_path / "out", 0.5, alpha_map={"acton.*": 1.0})
    with pytest.raises(MergeError, match="is not a regular expression"):
        merge(*ends, tmp_path / "out", 0.5, alpha_map={"(": 1.0})
    with pytest.raises(MergeError, match="outside"):
        merge(*ends, tmp_path / "out", 0.5, alpha_map={".*": 1.5})
