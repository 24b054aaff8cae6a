import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from retain.cli.main import main
from retain.errors import PolicyError
from retain.policy.configuration_file import read_configuration
from retain.policy.lerobot.adopt import Naming, adopt
from retain.policy.units import in_si

from .conftest import write_lerobot_policy, write_tokenizer

NAMES = ("shoulder_pan.pos", "elbow_flex.pos", "gripper.pos")
NAMING = Naming(30.0, NAMES, NAMES)
UNITS = [("*", "deg"), ("gripper*", "percent")]


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    return write_tokenizer(tmp_path / "words.json")


def test_an_adopted_policy_says_what_lerobot_leaves_to_the_dataset(
    smolvla_files: Path, tokenizer: Path, tmp_path: Path
) -> None:
    adopt(smolvla_files, tmp_path / "adopted", NAMING, UNITS, hold=["gripper*"], tokenizer=tokenizer)
    spec, sizes = read_configuration(tmp_path / "adopted")
    assert [(camera.role, camera.height, camera.width) for camera in spec.cameras] == [("top", 48, 64)]
    assert [(channel.name, channel.unit) for channel in spec.state] == list(
        zip(NAMES, ("deg", "deg", "percent"), strict=True)
    )
    assert [channel.interpolation for channel in spec.action] == ["linear", "linear", "hold"]
    assert (spec.horizon, spec.n_action_steps, spec.max_tokens, spec.suffix) == (8, 4, 12, "\n")
    assert spec.flow is not None
    assert (spec.flow.steps, spec.action_width) == (10, 32)
    assert math.isclose(spec.dt_s, 1 / 30)
    assert sizes["max_state_dim"] == 32
    assert not {"device", "optimizer_lr"} & sizes.keys()


def test_lerobots_own_files_stay_as_they_were(smolvla_files: Path, tokenizer: Path, tmp_path: Path) -> None:
    adopt(smolvla_files, tmp_path / "adopted", NAMING, UNITS, tokenizer=tokenizer)
    for file in smolvla_files.iterdir():
        assert (tmp_path / "adopted" / file.name).read_bytes() == file.read_bytes(), file.name
    added = {file.name for file in (tmp_path / "adopted").iterdir()} - {file.name for file in smolvla_files.iterdir()}
    assert added == {"retain.json", "tokenizer.json"}


@pytest.mark.parametrize("mode", ["MEAN_STD", "QUANTILES", "IDENTITY"])
def test_units_are_those_of_lerobots_normalizer(mode: str, tokenizer: Path, tmp_path: Path) -> None:
    policy = write_lerobot_policy(tmp_path / "policy", mode)
    spec = adopt(policy, tmp_path / "adopted", NAMING, UNITS, tokenizer=tokenizer)
    state, normalized = np.float32([[37.0, -2.0, 50.0]]), np.float32([[0.25, -1.0, 0.5]])
    if mode == "MEAN_STD":
        expected_state = [(37 - 10) / 30, 3 / 20, 0]
        expected_action = [1 + 4 * 0.25, 2 - 5, 40 + 25 * 0.5]
    elif mode == "QUANTILES":
        expected_state = [37 / 90, -2 / 45, 0]
        expected_action = [2.5, -20, 75]
    else:
        expected_state, expected_action = state[0], normalized[0]
    np.testing.assert_allclose(spec.normalization.state.normalize(state)[0], expected_state, atol=1e-6)
    np.testing.assert_allclose(spec.normalization.action.physical(normalized)[0], expected_action, rtol=1e-6)


def test_a_bundle_speaks_si(smolvla_files: Path, tokenizer: Path, tmp_path: Path) -> None:
    spec = adopt(smolvla_files, tmp_path / "adopted", NAMING, UNITS, tokenizer=tokenizer)
    si = in_si(spec)
    assert [channel.unit for channel in si.action] == ["rad", "rad", "1"]
    normalized = np.random.default_rng(0).standard_normal((5, 3), dtype=np.float32)
    factors = np.float32([math.pi / 180, math.pi / 180, 0.01])
    np.testing.assert_allclose(
        si.normalization.action.physical(normalized),
        spec.normalization.action.physical(normalized) * factors,
        rtol=1e-5,
    )
    measured = np.float32([[20.0, 30.0, 40.0]])
    np.testing.assert_allclose(
        si.normalization.state.normalize(measured * factors)[:, :2],
        spec.normalization.state.normalize(measured)[:, :2],
        rtol=1e-5,
    )


def test_relative_actions_are_lerobots_own(smolvla_files: Path, tokenizer: Path, tmp_path: Path) -> None:
    path = smolvla_files / "policy_preprocessor.json"
    document = json.loads(path.read_text())
    relative = {"enabled": True, "exclude_joints": ["gripper.pos"], "action_names": list(NAMES)}
    document["steps"].insert(0, {"registry_name": "relative_actions_processor", "config": relative})
    path.write_text(json.dumps(document))
    spec = adopt(smolvla_files, tmp_path / "adopted", NAMING, UNITS, tokenizer=tokenizer)
    assert [channel.mode for channel in spec.action] == ["delta", "delta", "absolute"]


def test_committed_rows_that_lerobot_trained_are_taken_over(
    smolvla_files: Path, tokenizer: Path, tmp_path: Path
) -> None:
    """Its key for a π0.5, after 0.6.1; what is given goes before it."""
    path = smolvla_files / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "rtc_training_max_delay": 5}))
    for name, given, expected in (("own", None, 5), ("given", 3, 3)):
        spec = adopt(smolvla_files, tmp_path / name, NAMING, UNITS, tokenizer=tokenizer, max_trained_delay=given)
        assert spec.max_trained_delay == expected
        assert read_configuration(tmp_path / name)[0].max_trained_delay == expected
        assert "rtc_training_max_delay" not in read_configuration(tmp_path / name)[1]


def test_the_tokenizer_is_found_in_the_hugging_face_cache(
    smolvla_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    snapshot = tmp_path / "hub" / "models--someone--words" / "snapshots" / "0123abcd"
    snapshot.mkdir(parents=True)
    write_tokenizer(snapshot / "tokenizer.json")
    adopt(smolvla_files, tmp_path / "adopted", NAMING, UNITS)
    assert (tmp_path / "adopted" / "tokenizer.json").read_bytes() == (snapshot / "tokenizer.json").read_bytes()


def test_a_tokenizer_that_is_nowhere_is_asked_for_by_its_name(
    smolvla_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(PolicyError, match=r"hf download someone/words tokenizer\.json"):
        adopt(smolvla_files, tmp_path / "adopted", NAMING, UNITS)
    assert not (tmp_path / "adopted").exists()


def test_a_lerobot_policy_that_was_not_adopted_names_the_command(smolvla_files: Path) -> None:
    with pytest.raises(PolicyError, match=r"retain adopt .*pretrained_model --data DATASET -o OUT"):
        read_configuration(smolvla_files)


@pytest.mark.parametrize(
    ("units", "message"),
    [
        ([("gripper*", "percent")], r"in which unit is shoulder_pan\.pos\?"),
        ([("*", "deg"), ("wrist*", "deg")], r"no channel is called wrist\*"),
        ([("*", "furlong")], "furlong is no unit known here"),
    ],
)
def test_units_are_never_guessed(
    units: list[tuple[str, str]], message: str, smolvla_files: Path, tokenizer: Path, tmp_path: Path
) -> None:
    with pytest.raises(PolicyError, match=message):
        adopt(smolvla_files, tmp_path / "adopted", NAMING, units, tokenizer=tokenizer)
    assert not (tmp_path / "adopted").exists()


def test_data_of_another_robot_is_refused(smolvla_files: Path, tokenizer: Path, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"has 3 numbers in observation\.state and the data names 2"):
        adopt(smolvla_files, tmp_path / "adopted", Naming(30.0, NAMES[:2], NAMES), UNITS, tokenizer=tokenizer)


def test_a_family_that_does_not_run_here_is_refused(tokenizer: Path, tmp_path: Path) -> None:
    policy = write_lerobot_policy(tmp_path / "policy", type="groot")
    with pytest.raises(PolicyError, match=r"of the types act, smolvla, pi0, pi05.*\(found 'groot'\)"):
        adopt(policy, tmp_path / "adopted", NAMING, UNITS, tokenizer=tokenizer)


def test_the_command_takes_names_and_rate_from_the_command_line(
    smolvla_files: Path, tokenizer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["adopt", str(smolvla_files), "--names", ",".join(NAMES), "--unit", "*=deg"]
    arguments += ["--tokenizer", str(tokenizer), "-o", str(tmp_path / "adopted"), "--json"]
    assert main(arguments) == 2
    assert "Give --data, or --fps and --names" in capsys.readouterr().err
    assert main([*arguments, "--fps", "50"]) == 0
    written = json.loads(capsys.readouterr().out)
    assert written["dt_s"] == 0.02
    assert written["action"] == [f"{name} [deg] absolute" for name in NAMES]
    assert main([*arguments, "--fps", "50"]) == 2
    assert "exists" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "adopted")
    assert main([*arguments, "--fps", "0"]) == 2
    assert "--fps is 0" in capsys.readouterr().err


def test_a_state_whose_words_leave_no_place_for_the_instruction_is_refused(tokenizer: Path, tmp_path: Path) -> None:
    policy = write_lerobot_policy(tmp_path / "policy", type="pi05", num_inference_steps=10, tokenizer_max_length=20)
    with pytest.raises(PolicyError, match="tokenizer_max_length is 20, of which the state's 3 numbers take 20"):
        adopt(policy, tmp_path / "adopted", NAMING, UNITS, tokenizer=tokenizer)
