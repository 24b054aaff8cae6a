import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from retain.errors import PolicyError
from retain.policy import load_policy, save_policy
from safetensors.torch import load_file, save_file

from .lerobot_files import adopt_act, write_act
from .tiny_act import act_policy, observation


@pytest.fixture
def policy():
    return act_policy()


def test_lerobots_directory_is_this_policy(policy, tmp_path):
    loaded = load_policy(adopt_act(policy, tmp_path))
    # The statistics went through float32 files, and LeRobot's epsilon is in the scale.
    assert replace(loaded.spec, dt_s=policy.spec.dt_s, normalization=policy.spec.normalization) == policy.spec
    assert loaded.spec.dt_s == pytest.approx(policy.spec.dt_s)
    assert loaded.config == policy.config
    arguments = observation(policy)
    with torch.no_grad():
        torch.testing.assert_close(
            loaded.prefix(*arguments)["chunk"], policy.prefix(*arguments)["chunk"], atol=1e-6, rtol=0
        )


def test_what_was_loaded_is_written_as_lerobot_had_it(policy, tmp_path):
    adopted = adopt_act(policy, tmp_path)
    save_policy(load_policy(adopted), tmp_path / "again")
    names = {file.name for file in adopted.iterdir()}
    assert {file.name for file in (tmp_path / "again").iterdir()} == names
    for name in names - {"model.safetensors"}:
        assert (tmp_path / "again" / name).read_bytes() == (adopted / name).read_bytes()
    before, after = (load_file(path / "model.safetensors") for path in (adopted, tmp_path / "again"))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_chunk_is_in_the_robots_units(policy, tmp_path):
    loaded = load_policy(adopt_act(policy, tmp_path))
    images, tokens, mask, _ = observation(policy)
    state = np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32)
    frames = {camera.role: image.numpy() for camera, image in zip(policy.spec.cameras, images, strict=True)}
    found = loaded.predict_chunk(frames, state, ["", ""])
    affine = policy.spec.normalization
    with torch.no_grad():
        seen = torch.from_numpy(affine.state.normalize(state))
        chunk = policy.prefix(images, tokens, mask, seen)["chunk"].numpy()
    np.testing.assert_allclose(found, chunk * affine.action.scale + affine.action.offset, atol=1e-5)


@pytest.mark.parametrize("lost", ["model.backbone.layer3.0.downsample.1.running_var", "model.vae_encoder_pos_enc"])
def test_a_tensor_that_is_not_there_is_never_made_up(policy, lost, tmp_path):
    adopted = adopt_act(policy, tmp_path)
    tensors = load_file(adopted / "model.safetensors")
    del tensors[lost]
    save_file(tensors, adopted / "model.safetensors")
    with pytest.raises(PolicyError, match=lost):
        load_policy(adopted)


def test_pictures_pass_as_they_are_where_the_policy_says_so(policy, tmp_path):
    adopted = adopt_act(policy, tmp_path)
    for name in ("policy_preprocessor.json", "policy_postprocessor.json"):
        text = (adopted / name).read_text()
        (adopted / name).write_text(text.replace('"VISUAL": "MEAN_STD"', '"VISUAL": "IDENTITY"'))
    assert all(picture.mode is None for picture in load_policy(adopted).pictures)


def test_the_files_here_are_lerobots(policy, tmp_path):
    """So that the tests above speak of LeRobot's directories: every key of its own config.json and no other."""
    from pathlib import Path

    theirs = json.loads((Path(__file__).parents[2] / "merge/lerobot/act/config.json").read_text())
    assert json.loads((write_act(policy, tmp_path / "act") / "config.json").read_text()).keys() == theirs.keys()
