"""Greedy soups keep what makes them better."""

from pathlib import Path

import numpy as np
import pytest
from retain.errors import MergeError
from retain.merge.soup import greedy_soup

from .policies import file_bytes, read_weights, weights, write_policy

WEIGHTS = "model.safetensors"


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Three policies around the best weights: two on opposite sides of it, one far off."""
    made = weights()
    offsets = {"left": -1.0, "right": 1.1, "far": 9.0}
    return [
        write_policy(tmp_path / name, {n: v + offset * (v.dtype.kind == "f") for n, v in made.items()}, "F64")
        for name, offset in offsets.items()
    ]


def score(policy: Path) -> float:
    """The nearer to the best weights, the better."""
    best, found = weights(), read_weights(policy / WEIGHTS)
    return -float(np.mean([np.abs(found[name] - best[name]).mean() for name in best if best[name].size]))


def test_policies_stay_in_if_the_mean_gets_no_worse(tmp_path: Path, runs: list[Path]) -> None:
    before = file_bytes(tmp_path)
    said: list[str] = []
    report = greedy_soup(runs, tmp_path / "soup", score, say=said.append)
    assert report.ingredients == (str(runs[0]), str(runs[1]))
    assert [trial.kept for trial in report.trials] == [True, True, False]
    assert score(tmp_path / "soup") == pytest.approx(report.score)
    left, right, soup = (read_weights(place / WEIGHTS) for place in (runs[0], runs[1], tmp_path / "soup"))
    assert np.allclose(soup["action.scale"], (left["action.scale"] + right["action.scale"]) / 2)
    assert len(said) == 5
    after = {name: content for name, content in file_bytes(tmp_path).items() if not name.startswith("soup/")}
    assert after == before


def test_a_best_policy_that_nobody_improves_is_copied(tmp_path: Path, runs: list[Path]) -> None:
    report = greedy_soup([runs[2], runs[0]], tmp_path / "soup", score)
    assert report.ingredients == (str(runs[0]),)
    assert (tmp_path / "soup" / WEIGHTS).read_bytes() == (runs[0] / WEIGHTS).read_bytes()


def test_a_soup_needs_two_policies(tmp_path: Path, runs: list[Path]) -> None:
    with pytest.raises(MergeError, match="two or more different policies; got 1"):
        greedy_soup([runs[0], runs[0]], tmp_path / "soup", score)
    (tmp_path / "soup").mkdir()
    with pytest.raises(Exception, match="exists"):
        greedy_soup(runs, tmp_path / "soup", score)
