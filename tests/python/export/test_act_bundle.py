"""ACT from LeRobot's directory to the engine: no step graph, no words, and the chunk that PyTorch says."""

from pathlib import Path

import numpy as np
import pytest
from retain.bundle import Bundle
from retain.export.export import export_policy, merge_export

from ..policy.act.lerobot_files import adopt_act  # noqa: TID252 (tests are no package that could be named)
from ..policy.act.tiny_act import act_policy  # noqa: TID252
from .both_chunks import both_chunks


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    directory = tmp_path_factory.mktemp("ends")
    return adopt_act(act_policy(0), directory / "base"), adopt_act(act_policy(1), directory / "finetuned")


@pytest.fixture(scope="module")
def bundle(ends: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "act"
    export_policy(ends[0], path)
    return path


def same_chunks(bundle: Path) -> None:
    expected, found = both_chunks(bundle, "")
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_engine_says_what_pytorch_says(bundle: Path) -> None:
    manifest = Bundle.open(bundle).manifest
    assert (manifest.flow, manifest.language, manifest.graphs.step) == (None, None, None)
    same_chunks(bundle)


def test_another_alpha_reuses_the_graph(ends: tuple[Path, Path], bundle: Path, tmp_path: Path) -> None:
    merge_export(*ends, 0.4, tmp_path / "merged", graph_from=bundle)
    same_chunks(tmp_path / "merged")
