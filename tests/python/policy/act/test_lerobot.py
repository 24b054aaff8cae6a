"""The same weights and the same observation in LeRobot's own ACT. Skipped where it is missing; see docs/lerobot.md."""

import json
from types import SimpleNamespace

import pytest
import torch
from retain.policy.act.configuration import ACTConfig
from retain.policy.act.model import ACTPolicy

from ... import installed_lerobot  # noqa: TID252 (tests are no package that could be named)
from .tiny_act import SIZES, STATISTICS, act_spec, batch_of, observation, scatter

pytestmark = [*installed_lerobot.marks, pytest.mark.timeout(600)]

TOLERANCE = 1e-5
WAYS = [
    {},
    {"pre_norm": True, "feedforward_activation": "gelu"},
    {"use_vae": False, "vision_backbone": "resnet50", "replace_final_stride_with_dilation": True},
]


@pytest.fixture
def lerobot(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    kept = installed_lerobot.prepare_import()
    from lerobot.configs.types import FeatureType, NormalizationMode, PolicyFeature
    from lerobot.policies.act.configuration_act import ACTConfig as PeerConfig
    from lerobot.policies.act.modeling_act import ACTPolicy as Peer
    from lerobot.policies.act.processor_act import make_act_pre_post_processors

    return SimpleNamespace(
        Feature=PolicyFeature, Type=FeatureType, Mode=NormalizationMode, Config=PeerConfig, Policy=Peer,
        processors=make_act_pre_post_processors, kept=kept,
    )  # fmt: skip


def lerobots(lerobot, way):
    """LeRobot's policy with scattered weights, and its configuration."""
    spec = act_spec()
    torch.manual_seed(0)
    inputs = {"observation.state": lerobot.Feature(type=lerobot.Type.STATE, shape=(len(spec.state),))}
    for camera in spec.cameras:
        shape = (3, camera.height, camera.width)
        inputs[f"observation.images.{camera.role}"] = lerobot.Feature(type=lerobot.Type.VISUAL, shape=shape)
    config = lerobot.Config(
        input_features=inputs,
        output_features={"action": lerobot.Feature(type=lerobot.Type.ACTION, shape=(len(spec.action),))},
        chunk_size=spec.horizon,
        n_action_steps=spec.n_action_steps,
        pretrained_backbone_weights=None,
        device="cpu",
        **{**SIZES, "dropout": 0.0, **way},
    )
    peer = lerobot.Policy(config)
    scatter(peer)
    return peer.eval(), config


def ours_of(peer, config, tmp_path):
    """Ours with the same weights, built from the config.json that LeRobot writes; and the pictures' statistics."""
    config._save_pretrained(tmp_path)
    document = json.loads((tmp_path / "config.json").read_text())
    stored = {
        f"observation.images.{role}.{name}": torch.tensor(values)[:, None, None]
        for role, statistics in STATISTICS.items()
        for name, values in (("mean", statistics.low), ("std", statistics.high))
    }
    policy = ACTPolicy(act_spec(), ACTConfig.from_lerobot(document), STATISTICS)
    policy.load_state_dict(peer.state_dict(), strict=True)
    return policy.eval(), stored


def as_lerobot_sees_it(lerobot, config, stored, images, state, **more):
    """An observation through LeRobot's own preprocessor: float pictures in [0, 1], then its normalizer."""
    spec = act_spec()
    statistics = {
        "observation.state": {"mean": torch.zeros(len(spec.state)), "std": torch.ones(len(spec.state))},
        "action": {"mean": torch.zeros(len(spec.action)), "std": torch.ones(len(spec.action))},
    }
    for camera in spec.cameras:
        name = f"observation.images.{camera.role}"
        statistics[name] = {key: stored[f"{name}.{key}"] for key in ("mean", "std")}
    before, _ = lerobot.processors(config, statistics)
    seen = {
        f"observation.images.{camera.role}": image.permute(0, 3, 1, 2).float() / 255
        for camera, image in zip(spec.cameras, images, strict=True)
    }
    return before({**seen, "observation.state": state, **more})


@pytest.mark.parametrize("way", WAYS)
def test_the_chunk_is_lerobots(lerobot, way, tmp_path):
    peer, config = lerobots(lerobot, way)
    policy, stored = ours_of(peer, config, tmp_path)
    images, tokens, mask, state = observation(policy, 3)
    with torch.no_grad():
        found = policy.prefix(images, tokens, mask, state)["chunk"]
        expected = peer.predict_action_chunk(as_lerobot_sees_it(lerobot, config, stored, images, state))
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(found, expected, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("way", WAYS)
def test_the_loss_and_its_gradients_are_lerobots(lerobot, way, tmp_path, monkeypatch):
    peer, config = lerobots(lerobot, way)
    policy, stored = ours_of(peer, config, tmp_path)
    is_pad = torch.tensor([[False] * 7, [False] * 4 + [True] * 3])
    batch = batch_of(policy, is_pad)
    noise = torch.randn(2, config.latent_dim)
    # Dropout is 0: the latent's noise is all that is drawn.
    monkeypatch.setattr(torch, "randn_like", lambda like: noise)
    seen = as_lerobot_sees_it(lerobot, config, stored, batch.images, batch.state)
    expected, _ = peer.train().forward({**seen, "action": batch.actions, "action_is_pad": is_pad})
    monkeypatch.setattr(torch, "randn", lambda *shape, generator=None: noise)
    found = policy.train().loss(batch)
    torch.testing.assert_close(found, expected, atol=TOLERANCE, rtol=TOLERANCE)
    expected.backward()
    found.backward()
    theirs = dict(peer.named_parameters())
    for name, parameter in policy.named_parameters():
        # Sums of millions of terms of both signs, which two orders of summation round differently, and a ReLU near its
        # kink may fall on either side; some are exactly 0.
        difference, size = (parameter.grad - theirs[name].grad).norm(), theirs[name].grad.norm()
        assert difference <= 1e-2 * size + 1e-6, name
