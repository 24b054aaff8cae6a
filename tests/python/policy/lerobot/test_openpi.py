"""openpi's PyTorch checkpoints: the same numbers under LeRobot's names, in the robot's units."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from retain.cli.main import main
from retain.errors import PolicyError
from retain.policy import load_policy
from retain.policy.lerobot.adopt import adopt, adopt_openpi
from retain.policy.lerobot.openpi import Rig
from safetensors.torch import load_file, save_file

from ..pi0 import tiny  # noqa: TID252 (tests are no package that could be named)
from .test_adopt import NAMING

STATE, ACTION = ("elbow", "shoulder", "gripper"), ("shoulder", "gripper")
RIG = Rig(("front", "wrist"), 56, 56, STATE, ACTION, frozenset({"shoulder"}))
UNITS = [("*", "rad"), ("gripper", "1")]
PALIGEMMA = "model.paligemma_with_expert.paligemma."
HEAD, WORDS = f"{PALIGEMMA}lm_head.weight", f"{PALIGEMMA}model.language_model.embed_tokens.weight"


def statistics(padded: int = 0) -> dict[str, dict[str, dict[str, list[float]]]]:
    generator = np.random.default_rng(0)

    def of(channels: int) -> dict[str, list[float]]:
        mean, std = generator.normal(size=channels), generator.uniform(0.5, 2.0, channels)
        columns = {"mean": mean, "std": std, "q01": mean - 2 * std, "q99": mean + 3 * std}
        return {name: [*map(float, values), *[0.0] * padded] for name, values in columns.items()}

    return {"norm_stats": {"state": of(3), "actions": of(2)}}


def write_openpi(directory: Path, family: str, padded: int = 0) -> Path:
    """What openpi's converter leaves; the sizes, which are none of its variants, under retain's keys."""
    policy = tiny.policy(family)
    sizes = policy.config.architecture()
    assets = directory / "assets" / "someone" / "robot"
    assets.mkdir(parents=True)
    (assets / "norm_stats.json").write_text(json.dumps(statistics(padded)))
    document = {"action_dim": 8, "action_horizon": tiny.HORIZON, "precision": "float32"}
    own = {name: sizes[name] for name in ("language", "expert", "vision", "vocabulary", "image_resolution")}
    (directory / "config.json").write_text(json.dumps({**document, **own}))
    tensors = {name: tensor for name, tensor in policy.state_dict().items() if name not in (HEAD, WORDS)}
    tensors[HEAD] = policy.state_dict()[WORDS]  # openpi stores the tied pair once
    save_file(
        {name.removeprefix("model."): tensor for name, tensor in tensors.items()}, directory / "model.safetensors"
    )
    return directory


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    tiny.gemma_like_tokenizer(16).save(str(tmp_path / "words.json"))
    return tmp_path / "words.json"


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_every_tensor_arrives_under_lerobots_name(family: str, tokenizer: Path, tmp_path: Path) -> None:
    source = write_openpi(tmp_path / "openpi", family)
    spec = adopt_openpi(source, tmp_path / "adopted", RIG, 50.0, UNITS, tokenizer=tokenizer)
    assert spec.family == family
    expected = tiny.policy(family).state_dict()
    for name, tensor in load_policy(tmp_path / "adopted").state_dict().items():
        assert torch.equal(tensor, expected[WORDS if name == HEAD else name]), name


def test_pi0s_time_mlp_arrives_from_before_it_had_a_name_of_its_own(tokenizer: Path, tmp_path: Path) -> None:
    source = write_openpi(tmp_path / "openpi", "pi0")
    tensors = load_file(source / "model.safetensors")
    old = {name.replace("action_time_mlp_", "time_mlp_"): tensor for name, tensor in tensors.items()}
    assert old.keys() != tensors.keys()
    save_file(old, source / "model.safetensors")
    adopt_openpi(source, tmp_path / "adopted", RIG, 50.0, UNITS, tokenizer=tokenizer)
    loaded = load_policy(tmp_path / "adopted").state_dict()["model.action_time_mlp_in.weight"]
    assert torch.equal(loaded, tensors["action_time_mlp_in.weight"])


@pytest.mark.parametrize("padded", [0, 6])
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_units_are_those_of_openpis_normalize(family: str, padded: int, tokenizer: Path, tmp_path: Path) -> None:
    source = write_openpi(tmp_path / "openpi", family, padded)
    spec = adopt_openpi(source, tmp_path / "adopted", RIG, 50.0, UNITS, tokenizer=tokenizer)
    written = {key: {n: np.array(v) for n, v in stats.items()} for key, stats in statistics()["norm_stats"].items()}
    measured, said = np.float32([[0.3, -0.7, 0.9]]), np.float32([[0.25, -0.5]])
    state, action = written["state"], written["actions"]
    if family == "pi0":  # openpi, transforms.py, Normalize and Unnormalize
        normalized = (measured - state["mean"]) / (state["std"] + 1e-6)
        physical = said * (action["std"] + 1e-6) + action["mean"]
    else:
        normalized = (measured - state["q01"]) / (state["q99"] - state["q01"] + 1e-6) * 2 - 1
        physical = (said + 1) / 2 * (action["q99"] - action["q01"] + 1e-6) + action["q01"]
    np.testing.assert_allclose(spec.normalization.state.normalize(measured), normalized, atol=1e-5)
    np.testing.assert_allclose(spec.normalization.action.physical(said), physical, atol=1e-5)
    assert [channel.mode for channel in spec.action] == ["delta", "absolute"]


def test_a_step_is_that_of_the_same_network(tokenizer: Path, tmp_path: Path) -> None:
    source = write_openpi(tmp_path / "openpi", "pi0")
    adopt_openpi(source, tmp_path / "adopted", RIG, 50.0, UNITS, tokenizer=tokenizer)
    policy, reference = load_policy(tmp_path / "adopted"), tiny.policy("pi0")
    generator = np.random.default_rng(1)
    images = [torch.from_numpy(generator.integers(0, 256, (1, 56, 56, 3), dtype=np.uint8)) for _ in range(2)]
    tokens, mask = policy.encode(["stop"])
    state = torch.from_numpy(generator.standard_normal((1, 3), dtype=np.float32))
    x = torch.from_numpy(generator.standard_normal((1, tiny.HORIZON, 8), dtype=np.float32))
    t = torch.full((1, tiny.HORIZON), 0.25)
    with torch.no_grad():
        found, expected = (one.step(x, t, one.prefix(images, tokens, mask, state)) for one in (policy, reference))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_statistics_that_do_not_fit_are_refused(tokenizer: Path, tmp_path: Path) -> None:
    source = write_openpi(tmp_path / "openpi", "pi0")
    rig = Rig(("front",), 56, 56, (*STATE, "wrist"), ACTION, frozenset())
    with pytest.raises(PolicyError, match="has 3 numbers as mean of state, and 4 channels are named"):
        adopt_openpi(source, tmp_path / "adopted", rig, 50.0, UNITS, tokenizer=tokenizer)
    other = source / "assets" / "elsewhere"
    other.mkdir()
    (other / "norm_stats.json").write_text(json.dumps(statistics()))
    with pytest.raises(PolicyError, match=r"has the statistics elsewhere, someone/robot under assets.*--asset"):
        adopt_openpi(source, tmp_path / "adopted", RIG, 50.0, UNITS, tokenizer=tokenizer)
    adopt_openpi(source, tmp_path / "adopted", RIG, 50.0, UNITS, tokenizer=tokenizer, asset="someone/robot")


def test_the_command_asks_for_what_openpi_does_not_say(
    tokenizer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_openpi(tmp_path / "openpi", "pi05")
    with pytest.raises(PolicyError, match="name them with --cameras"):
        adopt(source, tmp_path / "adopted", NAMING, UNITS)
    arguments = ["adopt", str(source), "--names", ",".join(ACTION), "--state-names", ",".join(STATE), "--fps", "50"]
    arguments += ["--unit", "*=rad", "--unit", "gripper=1", "--tokenizer", str(tokenizer), "-o", str(tmp_path / "out")]
    assert main([*arguments, "--cameras", "front,wrist", "--relative", "wrist*"]) == 2
    assert "--relative wrist* is no action" in capsys.readouterr().err
    assert main([*arguments, "--cameras", "front,wrist", "--camera-size", "big"]) == 2
    assert "expected HEIGHTxWIDTH" in capsys.readouterr().err
    assert main([*arguments, "--cameras", "front,wrist", "--relative", "shoulder", "--json"]) == 0
    written = json.loads(capsys.readouterr().out)
    assert written["family"] == "pi05"
    assert written["cameras"] == ["front 224×224", "wrist 224×224"]
    assert written["action"] == ["shoulder [rad] delta", "gripper [1] absolute"]
