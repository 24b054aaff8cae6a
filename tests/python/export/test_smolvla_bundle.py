"""SmolVLA from LeRobot's directory to the engine: merged at two α with one graph, in SI, stored in bfloat16 too."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from retain.bundle import Bundle
from retain.export.export import merge_export
from retain.policy import load_policy, save_policy

from ..policy.smolvla.lerobot_files import adopt_smolvla  # noqa: TID252 (tests are no package)
from ..policy.smolvla.small import INSTRUCTIONS, draw_weights, small_policy  # noqa: TID252
from .both_chunks import both_chunks


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    torch.set_num_threads(1)
    directory = tmp_path_factory.mktemp("ends")
    base, finetuned = small_policy(), small_policy()
    draw_weights(finetuned, seed=1)
    return (
        adopt_smolvla(base, directory / "base", "deg", torch.bfloat16),
        adopt_smolvla(finetuned, directory / "finetuned", "deg", torch.bfloat16),
    )


@pytest.fixture(scope="module")
def bundle(ends: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "half"
    merge_export(*ends, 0.5, path)
    return path


def same_chunks(bundle: Path) -> None:
    """One observation, the robot's units in degrees here and in radians there."""
    radians = math.pi / 180
    expected, found = both_chunks(bundle, INSTRUCTIONS[0], si=radians)
    np.testing.assert_allclose(found, expected * radians, atol=1e-4 * radians)


def test_the_engine_says_in_radians_what_pytorch_says_in_degrees(bundle: Path) -> None:
    manifest = Bundle.open(bundle).manifest
    assert (manifest.action_width, len(manifest.action.channels)) == (10, 4)
    assert {channel.unit for channel in manifest.action.channels} == {"rad"}
    assert manifest.language is not None
    assert manifest.language.suffix == "\n"
    same_chunks(bundle)


def test_another_alpha_reuses_the_graphs(ends: tuple[Path, Path], bundle: Path, tmp_path: Path) -> None:
    merge_export(*ends, 0.2, tmp_path / "fifth", graph_from=bundle)
    for graph in ("prefix.onnx", "step.onnx"):
        assert (tmp_path / "fifth" / graph).stat().st_size == (bundle / graph).stat().st_size
    same_chunks(tmp_path / "fifth")


def test_the_bundle_is_still_lerobots_directory(ends: tuple[Path, Path], bundle: Path) -> None:
    for name in ("config.json", "policy_preprocessor.json", "policy_postprocessor.json", "retain.json"):
        assert (bundle / name).read_bytes() == (ends[0] / name).read_bytes()


def test_a_policy_that_is_saved_again_keeps_lerobots_files(ends: tuple[Path, Path], tmp_path: Path) -> None:
    save_policy(load_policy(ends[0]), tmp_path / "saved")
    again = load_policy(tmp_path / "saved")
    for name, tensor in load_policy(ends[0]).state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    for file in ends[0].glob("*.json"):
        assert (tmp_path / "saved" / file.name).read_bytes() == file.read_bytes(), file.name
