import json

import numpy as np
import pytest
import torch
from retain.errors import PolicyError
from retain.policy import load_policy, resolve, save_policy
from safetensors.torch import load_file, save_file

WEIGHTS = "model.safetensors"


@pytest.fixture
def directory(policy, tmp_path):
    path = tmp_path / "policy"
    save_policy(policy, path)
    return path


def test_loading_gives_back_every_bit(policy, directory, observation):
    loaded = load_policy(directory)
    assert loaded.spec == policy.spec
    assert loaded.config == policy.config
    for name, tensor in policy.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    assert torch.equal(loaded.prefix(*observation)["kv"], policy.prefix(*observation)["kv"])


def test_saving_what_was_loaded_gives_the_same_files(directory, tmp_path):
    again = tmp_path / "again"
    save_policy(load_policy(directory), again)
    assert sorted(file.name for file in again.iterdir()) == sorted(file.name for file in directory.iterdir())
    for file in directory.iterdir():
        assert file.read_bytes() == (again / file.name).read_bytes(), file.name


def test_the_directory_is_laid_out_as_lerobot_does(directory):
    assert {file.name for file in directory.iterdir()} == {
        "config.json",
        WEIGHTS,
        "policy_preprocessor.json",
        "policy_preprocessor_step_2_normalizer_processor.safetensors",
        "policy_postprocessor.json",
        "policy_postprocessor_step_0_unnormalizer_processor.safetensors",
        "tokenizer.json",
    }
    config = json.loads((directory / "config.json").read_text())
    assert config["type"] == "compact"
    assert config["input_features"]["observation.images.wrist"] == {"type": "VISUAL", "shape": [3, 24, 20]}
    assert config["output_features"]["action"] == {"type": "ACTION", "shape": [3]}
    assert config["normalization_mapping"] == {"VISUAL": "IDENTITY", "STATE": "MEAN_STD", "ACTION": "MEAN_STD"}
    preprocessor = json.loads((directory / "policy_preprocessor.json").read_text())
    step = preprocessor["steps"][2]
    assert step["registry_name"] == "normalizer_processor"
    stats = load_file(directory / step["state_file"])
    np.testing.assert_allclose(stats["action.std"], [0.25, 0.1875, 0.5])


def test_bfloat16_weights_load_as_float32(policy, tmp_path):
    save_policy(policy, tmp_path / "half", dtype=torch.bfloat16)
    loaded = load_policy(tmp_path / "half")
    for name, tensor in policy.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor.bfloat16().float()), name


def edit_weights(directory, change):
    tensors = load_file(directory / WEIGHTS)
    change(tensors)
    save_file(tensors, directory / WEIGHTS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop("vision.conv2.bias"), "lacks vision.conv2.bias"),
        (lambda tensors: tensors.update(extra=torch.zeros(1)), "has extra"),
        (lambda tensors: tensors.update({"action.rows.bias": torch.zeros(3)}), r"action.rows.bias is \[3\]"),
        (lambda tensors: tensors["language.position"].fill_(float("nan")), "language.position holds values"),
    ],
)
def test_wrong_tensors_are_named(directory, change, message):
    edit_weights(directory, change)
    with pytest.raises(PolicyError, match=message):
        load_policy(directory)


@pytest.mark.parametrize(
    "name", ["config.json", WEIGHTS, "tokenizer.json", "policy_preprocessor.json", "policy_postprocessor.json"]
)
def test_missing_and_broken_files_are_named(directory, name):
    content = (directory / name).read_bytes()
    (directory / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(PolicyError, match=name):
        load_policy(directory)
    (directory / name).unlink()
    with pytest.raises(PolicyError, match=name):
        load_policy(directory)


def test_statistics_that_differ_between_the_processors_are_refused(directory):
    file = directory / "policy_postprocessor_step_0_unnormalizer_processor.safetensors"
    stats = load_file(file)
    stats["action.mean"] += 1
    save_file(stats, file)
    with pytest.raises(PolicyError, match="different statistics"):
        load_policy(directory)


@pytest.mark.parametrize(("key", "value"), [("type", "groot"), ("chunk_size", "many"), ("surprise", 1)])
def test_a_configuration_that_is_not_ours_is_refused(directory, key, value):
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(PolicyError, match=r"config\.json|type groot"):
        load_policy(directory)


def test_an_existing_directory_is_replaced_only_by_force(policy, directory):
    (directory / "notes.txt").write_text("mine")
    with pytest.raises(PolicyError, match="exists"):
        save_policy(policy, directory)
    with torch.no_grad():
        policy.vision.conv1.bias.fill_(3)
    save_policy(policy, directory, force=True)
    assert load_policy(directory).vision.conv1.bias.eq(3).all()
    assert (directory / "notes.txt").read_text() == "mine"
    assert [path.name for path in directory.parent.iterdir()] == ["policy"]


def test_a_failed_save_leaves_nothing(policy, tmp_path, monkeypatch):
    monkeypatch.setattr(type(policy), "architecture", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_policy(policy, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_is_no_directory_is_refused(tmp_path):
    with pytest.raises(PolicyError, match="compact-base"):
        resolve(tmp_path / "nothing")
