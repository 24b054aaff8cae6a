import json
from pathlib import Path

import numpy as np
import pytest
from retain.cli.main import main
from retain.data import DatasetWriter, vector
from safetensors.numpy import save_file


def test_a_policy_is_shown_by_component(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tensors = {
        "vision.w": np.zeros((3, 4), np.float32),
        "language.w": np.zeros(5, np.float16),
        "action.w": np.zeros(2, np.float32),
    }
    save_file(tensors, tmp_path / "model.safetensors", metadata={"language.head": "language.w"})
    assert main(["inspect", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["kind"], found["layout"], found["family"]) == ("policy", "directory", "compact")
    assert found["components"]["vision"] == {"tensors": 1, "parameters": 12, "nbytes": 48, "dtypes": ["F32"]}
    assert found["tied"] == {"language.head": "language.w"}
    assert main(["inspect", str(tmp_path)]) == 0
    assert "language.head = language.w" in capsys.readouterr().out


def test_tensors_in_no_component_are_pointed_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_file({"vision.w": np.zeros(2, np.float32), "other": np.zeros(2, np.float32)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"type": "compact"}')
    assert main(["inspect", str(tmp_path)]) == 0
    assert "1 tensors belong to no component (first: other)" in capsys.readouterr().err


def test_a_dataset_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    features = {"action": vector(["x", "y"]), "observation.state": vector(["x", "y"])}
    with DatasetWriter(tmp_path / "demos", fps=10, robot_type="tabletop", features=features) as writer:
        moves = np.random.default_rng(0).standard_normal((8, 2)).astype(np.float32)
        writer.add_episode("wave", {"action": moves, "observation.state": moves})
    assert main(["inspect", str(tmp_path / "demos")]) == 0
    assert "1 episodes of 8/8/8 frames" in capsys.readouterr().out
    assert main(["inspect", str(tmp_path / "demos"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "dataset"


def test_nothing_there_is_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(tmp_path / "absent")]) == 2
    assert "absent does not exist" in capsys.readouterr().err
