"""A base of many robots is put to one: its cameras, its channels, the statistics of its data."""

import json
from pathlib import Path

import numpy as np
import pytest
from retain.cli.main import main
from retain.data import DatasetWriter, camera, vector
from retain.errors import MergeError, PolicyError
from retain.merge import merge
from retain.policy.configuration_file import read_configuration
from retain.policy.lerobot.adopt import Naming, adopt
from safetensors.numpy import load_file, save_file

from .conftest import STATISTICS, write_lerobot_policy, write_tokenizer

NAMES = ("shoulder_pan.pos", "elbow_flex.pos", "gripper.pos")
NAMING = Naming(30.0, NAMES, NAMES)
UNITS = [("*", "deg"), ("gripper*", "percent")]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """As lerobot/smolvla_base: three cameras, and statistics by the data sets that it was trained on."""
    policy = write_lerobot_policy(tmp_path / "smolvla_base")
    document = json.loads((policy / "config.json").read_text())
    state = document["input_features"]["observation.state"]
    visual = {"type": "VISUAL", "shape": [3, 256, 256]}
    inputs = {"observation.state": state} | {f"observation.images.camera{number}": visual for number in (1, 2, 3)}
    (policy / "config.json").write_text(json.dumps({**document, "input_features": inputs}))
    for file in ("before", "after"):
        save_file(
            {"so100.buffer.action.mean": np.ones(3, np.float32), "so100.buffer.action.std": np.ones(3, np.float32)},
            policy / f"{file}.safetensors",
        )
    return policy


@pytest.fixture
def data(tmp_path: Path) -> Path:
    features = {f"observation.images.{name}": camera(24, 32) for name in ("wrist", "top")}
    features |= {"observation.state": vector(list(NAMES)), "action": vector(list(NAMES))}
    rng = np.random.default_rng(0)
    with DatasetWriter(tmp_path / "demos", fps=30, robot_type="so101", features=features) as writer:
        frames = {name: np.zeros((7, 24, 32, 3), np.uint8) for name in features if "images" in name}
        frames |= {
            name: (40 * rng.standard_normal((7, 3)) + 9).astype(np.float32) for name in ("observation.state", "action")
        }
        writer.add_episode("place the red block", frames)
    return tmp_path / "demos"


def run(*arguments: object) -> int:
    units = ("--unit", "*=deg", "--unit", "gripper*=percent")
    return main(["adopt", *map(str, arguments), *units])


def test_numbers_that_nothing_would_normalize_are_refused(base: Path, tmp_path: Path) -> None:
    words = write_tokenizer(tmp_path / "words.json")
    with pytest.raises(PolicyError, match=r"smolvla_base normalizes observation\.state by MEAN_STD and has no stat.*"
                                          r"retain adopt .*smolvla_base --data DATASET --stats data"):  # fmt: skip
        adopt(base, tmp_path / "adopted", NAMING, UNITS, tokenizer=words)
    assert not (tmp_path / "adopted").exists()


def test_a_base_gets_the_statistics_and_cameras_of_a_robots_data(base: Path, data: Path, tmp_path: Path) -> None:
    words = write_tokenizer(tmp_path / "words.json")
    out = tmp_path / "adopted"
    assert run(base, "--data", data, "--stats", "data", "--cameras", "top,wrist", "--tokenizer", words, "-o", out) == 0
    spec, _ = read_configuration(out)
    assert [(one.role, one.height, one.width) for one in spec.cameras] == [("top", 24, 32), ("wrist", 24, 32)]
    from retain.data import Dataset

    action = Dataset(data).column("action")
    np.testing.assert_allclose(spec.normalization.action.offset, action.mean(0), rtol=1e-5)
    np.testing.assert_allclose(spec.normalization.action.scale, action.std(0), rtol=1e-5)
    assert (out / "model.safetensors").read_bytes() == (base / "model.safetensors").read_bytes()
    assert {"observation.state.q01", "action.mean"} <= set(load_file(out / "before.safetensors"))
    document = json.loads((out / "policy_preprocessor.json").read_text())
    assert list(document["steps"][1]["config"]["features"])[1:3] == [
        "observation.images.top",
        "observation.images.wrist",
    ]


def test_cameras_that_the_data_lack_are_told_with_their_order(
    base: Path, data: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for options, sentence in [
        ((), "the policy looks through camera1, camera2, camera3: say which of yours come in this order"),
        (("--cameras", "top,top"), "names a camera twice"),
        (("--cameras", "top,side"), "has no camera side"),
    ]:
        assert run(base, "--data", data, "--stats", "data", *options, "-o", tmp_path / "adopted") == 2
        assert sentence in capsys.readouterr().err


def test_a_policy_of_one_robot_keeps_its_statistics(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    act = write_lerobot_policy(tmp_path / "act", type="act")
    document = json.loads((act / "config.json").read_text())
    del document["max_state_dim"]
    (act / "config.json").write_text(json.dumps(document))
    assert run(act, "--data", data, "--stats", "data", "--cameras", "top", "-o", tmp_path / "adopted") == 2
    assert "made for one robot" in capsys.readouterr().err


def test_a_camera_that_the_robot_lacks_is_left_out_of_a_finetuned_policy(
    base: Path, data: Path, tmp_path: Path
) -> None:
    statistics = {name: np.array(values, np.float32) for name, values in STATISTICS.items()}
    for file in ("before", "after"):
        save_file(
            {**statistics, "observation.images.camera1.mean": np.zeros(3, np.float32)}, base / f"{file}.safetensors"
        )
    words, out = write_tokenizer(tmp_path / "words.json"), tmp_path / "adopted"
    assert run(base, "--data", data, "--cameras", "top,wrist", "--tokenizer", words, "-o", out) == 0
    spec, _ = read_configuration(out)
    assert [one.role for one in spec.cameras] == ["top", "wrist"]
    assert spec.normalization.action.offset == (1.0, 2.0, 40.0)
    assert set(load_file(out / "before.safetensors")) == {*statistics, "observation.images.top.mean"}


def test_a_base_merges_with_what_lerobot_finetuned_from_it_once_it_is_like_it(base: Path, tmp_path: Path) -> None:
    finetuned, words = write_lerobot_policy(tmp_path / "finetuned"), write_tokenizer(tmp_path / "words.json")
    component = {"all": ".*"}
    with pytest.raises(MergeError, match=r"only the finetuned policy normalizes .*retain adopt BASE --like FINETUNED"):
        merge(base, finetuned, tmp_path / "merged", 0.5, components=component)
    adopt(base, tmp_path / "like", NAMING, UNITS, like=finetuned, tokenizer=words)
    adopt(finetuned, tmp_path / "adopted", NAMING, UNITS, tokenizer=words)
    report = merge(tmp_path / "like", tmp_path / "adopted", tmp_path / "merged", 0.5, components=component)
    assert report.normalization[0]["status"] == "equal"
    assert (tmp_path / "like" / "config.json").read_bytes() == (finetuned / "config.json").read_bytes()


def test_a_servos_range_is_a_multiple_of_a_radian(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy, words = write_lerobot_policy(tmp_path / "policy"), write_tokenizer(tmp_path / "words.json")
    servo = {"drive_mode": 0, "homing_offset": 0, "range_min": 1024, "range_max": 3072}
    arm = {name: {"id": number, **servo} for number, name in enumerate(("shoulder_pan", "elbow_flex", "gripper"), 1)}
    (tmp_path / "arm.json").write_text(json.dumps(arm))
    units = ["--unit", "*=range", "--unit", "gripper*=percent"]
    command = ["adopt", str(policy), "--names", ",".join(NAMES), "--fps", "30", "--tokenizer", str(words)]
    assert main([*command, *units, "-o", str(tmp_path / "none")]) == 2
    assert "lerobot-calibrate wrote for it with --calibration" in capsys.readouterr().err
    assert main([*command, *units, "--calibration", str(tmp_path / "arm.json"), "-o", str(tmp_path / "adopted")]) == 0
    spec, _ = read_configuration(tmp_path / "adopted")
    from retain.policy.units import in_si

    si = in_si(spec)
    assert [channel.unit for channel in si.state] == ["rad", "rad", "1"]
    expected = np.array([1.0, 2.0, 40.0]) * [10.24 * 2 * np.pi / 4095, 10.24 * 2 * np.pi / 4095, 0.01]
    np.testing.assert_allclose(si.normalization.action.offset, expected, rtol=1e-6)
    misnamed = ["--unit", "*=deg", "--unit", "wrist*=range", "--calibration", str(tmp_path / "arm.json")]
    assert main([*command, *misnamed, "-o", str(tmp_path / "none")]) == 2
    assert "no channel is called wrist*" in capsys.readouterr().err
