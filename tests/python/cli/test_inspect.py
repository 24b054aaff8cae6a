import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from retain.cli.main import main
from retain.data import DatasetWriter, camera, vector
from retain.policy import resolve
from retain.policy.configuration_file import read_configuration
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
    vision = {"tensors": 1, "parameters": 12, "nbytes": 48, "dtypes": ["F32"], "layers": []}
    assert found["components"]["vision"] == vision
    assert found["tied"] == {"language.head": "language.w"}
    assert main(["inspect", str(tmp_path)]) == 0
    assert "language.head = language.w" in capsys.readouterr().out


def test_tensors_in_no_component_are_pointed_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_file({"vision.w": np.zeros(2, np.float32), "other": np.zeros(2, np.float32)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"type": "compact"}')
    assert main(["inspect", str(tmp_path)]) == 0
    assert "1 tensor belongs to no component (first: other)" in capsys.readouterr().err


def inspect(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[dict[str, Any], str]:
    """The command's JSON, and its text."""
    assert main(["inspect", str(path), "--json", *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert main(["inspect", str(path), *options]) == 0
    return found, capsys.readouterr().out


def test_layers_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"model.encoder.layers.{layer}.linear1.weight" for layer in range(4)]
    save_file({name: np.zeros((2, 2), np.float32) for name in names}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"type": "act"}')
    found, text = inspect(tmp_path, capsys)
    assert found["components"]["action"]["layers"] == [4]
    assert "action\t4\t16\t0.00\tF32\t4\n" in text


def test_what_an_adapter_changes_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expert = "model.paligemma_with_expert.gemma_expert.model.layers"
    tensors = {"base_model.model.model.state_proj.weight": np.zeros((4, 2), np.float32)}
    for module in (f"{expert}.0.self_attn.q_proj", f"{expert}.1.self_attn.v_proj", "model.action_out_proj"):
        tensors[f"base_model.model.{module}.lora_A.weight"] = np.zeros((2, 5), np.float32)
        tensors[f"base_model.model.{module}.lora_B.weight"] = np.zeros((3, 2), np.float32)
    save_file(tensors, tmp_path / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 5, "modules_to_save": ["state_proj"]}
    (tmp_path / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": "lerobot/pi0"}))
    (tmp_path / "config.json").write_text('{"type": "pi0", "use_peft": true}')
    found, text = inspect(tmp_path, capsys)
    assert (found["layout"], found["family"], found["parameters"]) == ("peft", "pi0", 8 + 3 * 16)
    assert found["components"]["action"]["tensors"] == 1
    assert found["adapters"] == {
        "action": {
            "weights": 3,
            "parameters": 48,
            "modules": ["action_out_proj", "q_proj", "v_proj"],
            "ranks": [2],
            "scales": [2.5],
        }
    }
    assert "adapter for a policy of the family pi0, 56 parameters" in text
    assert "action\t3\t48\t2\t2.5\taction_out_proj, q_proj, v_proj" in text
    assert "note\tthe adapter was trained on lerobot/pi0" in text


@pytest.mark.parametrize("same", [True, False])
def test_ties_that_are_stored_twice_are_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], same: bool
) -> None:
    head = "model.vlm_with_expert.vlm.lm_head.weight"
    embedding = "model.vlm_with_expert.vlm.model.text_model.embed_tokens.weight"
    values = np.random.default_rng(0).standard_normal((600, 500)).astype(np.float32)  # more than one block
    other = values.copy()
    other[-1, -1] += 0.0 if same else 1.0
    save_file({head: values, embedding: other}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"type": "smolvla"}')
    found, text = inspect(tmp_path, capsys)
    assert found["stored_twice"] == [{"name": head, "other": embedding, "same": same}]
    assert f"tied, stored twice\t{head} = {embedding}" in text if same else f"{head} and {embedding} differ" in text


def test_a_torch_file_is_shown_when_pickles_are_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch = pytest.importorskip("torch")
    torch.save({"module.model.fc1.weight": torch.zeros(3, 4)}, tmp_path / "action_head--5000_checkpoint.pt")
    assert main(["inspect", str(tmp_path / "action_head--5000_checkpoint.pt")]) == 2
    assert "give --allow-pickle" in capsys.readouterr().err
    found, text = inspect(tmp_path / "action_head--5000_checkpoint.pt", capsys, "--allow-pickle")
    assert (found["layout"], found["parameters"]) == ("pickle", 12)
    assert "left out 'module.' before every name" in text


def test_eight_bit_floats_are_shown_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file as save_torch

    save_torch({"vision.w": torch.zeros(3).to(torch.float8_e4m3fn)}, tmp_path / "model.safetensors")
    assert inspect(tmp_path, capsys)[0]["components"]["vision"]["dtypes"] == ["F8_E4M3"]


def test_a_dataset_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    features = {"action": vector(["x", "y"]), "observation.state": vector(["x", "y"])}
    with DatasetWriter(tmp_path / "demos", fps=10, robot_type="tabletop", features=features) as writer:
        moves = np.random.default_rng(0).standard_normal((8, 2)).astype(np.float32)
        writer.add_episode("wave", {"action": moves, "observation.state": moves})
    assert main(["inspect", str(tmp_path / "demos")]) == 0
    assert "1 episodes of 8/8/8 frames" in capsys.readouterr().out
    assert main(["inspect", str(tmp_path / "demos"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "dataset"


def write_demos(path: Path, scale: float = 1.0) -> Path:
    """Two episodes at 10 Hz with the channels, cameras and units of compact-base, and motions of this size."""
    spec, _ = read_configuration(resolve("compact-base"))
    names = [channel.name for channel in spec.state], [channel.name for channel in spec.action]
    features = {"observation.state": vector(names[0]), "action": vector(names[1])}
    for one in spec.cameras:
        features[f"observation.images.{one.role}"] = camera(one.height, one.width)
    generator = np.random.default_rng(0)
    with DatasetWriter(path, fps=round(1 / spec.dt_s), robot_type="tabletop", features=features) as writer:
        for _ in range(2):
            normalized = generator.standard_normal((9, len(spec.state)), dtype=np.float32)
            state = spec.normalization.state.physical(normalized * scale)
            frames: dict[str, Any] = {"observation.state": state}
            moves = generator.standard_normal((9, len(spec.action)), dtype=np.float32)
            frames["action"] = np.concatenate([spec.decode_actions(moves[i : i + 1], state[i]) for i in range(9)])
            for one in spec.cameras:
                shape = (9, one.height, one.width, 3)
                frames[f"observation.images.{one.role}"] = generator.integers(0, 256, shape, dtype=np.uint8)
            writer.add_episode("place the red block", frames)
    return path


def test_a_dataset_is_compared_with_the_base_that_it_is_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demos = write_demos(tmp_path / "demos")
    main(["inspect", str(demos), "--policy", "compact-base"])
    out = capsys.readouterr().out
    assert "channel\tmean\tstd\tlargest\tfar off\n" in out
    assert all(f"action[{channel}]\t" in out for channel in ("suction", "wrist_3"))
    assert main(["inspect", str(write_demos(tmp_path / "far", 90.0)), "--policy", "compact-base", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["base"] == "compact-base"
    assert {finding["check"] for finding in found["findings"] if finding["severity"] == "broken"} == {"base"}
    assert any(fit["far"] > 0.5 for fit in found["fits"])


def test_a_broken_dataset_is_shown_and_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demos = write_demos(tmp_path / "demos")
    assert main(["inspect", str(demos), "--every-frame"]) == 0
    path = demos / "data/chunk-000/file-000.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    capsys.readouterr()
    assert main(["inspect", str(demos)]) == 1
    captured = capsys.readouterr()
    assert "dataset v3.0, 2 episodes" in captured.out
    assert "broken: " in captured.err
    assert "file-000.parquet" in captured.err
    assert main(["inspect", str(demos), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["file"] == "data/chunk-000/file-000.parquet"


def test_questions_about_datasets_are_refused_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "compact-base", "--every-frame"]) == 2
    assert "is not a dataset" in capsys.readouterr().err


def test_nothing_there_is_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(tmp_path / "absent")]) == 2
    assert "absent does not exist" in capsys.readouterr().err
