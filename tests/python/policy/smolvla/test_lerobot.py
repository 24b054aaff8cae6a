"""The same weights, the same noise: what LeRobot's SmolVLA computes (docs/lerobot.md makes an environment for it)."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from retain.policy import Affine, FlowSpec, Normalization
from retain.policy.smolvla import SmolVLAConfig, SmolVLAPolicy
from safetensors.torch import load_file, save_file

from ... import installed_lerobot  # noqa: TID252 (tests are no package that could be named)
from ...lerobot_backbone import FAKE, WHOLE, write_backbone  # noqa: TID252
from .small import BACKBONE, INSTRUCTIONS, draw_weights, small_spec, small_tokenizer

pytestmark = installed_lerobot.marks

STEPS = 10
"""LeRobot's default. Flow time is a float32 from 0 to 1 here and from 1 to 0 there: where rounding makes two numbers of
it (1 / 3 and 2 / 3), a chunk of these sharp weights differs by 2e-5."""

LAYOUTS = [
    {},
    {"self_attn_every_n_layers": 3, "expert_width_multiplier": 0.5},
    {"self_attn_every_n_layers": -1, "num_expert_layers": 2},
    {"attention_mode": "self_attn", "prefix_length": 40},
    {"add_image_special_tokens": True},
    {"add_image_special_tokens": True, "empty_cameras": 2},
    {"empty_cameras": 1},
    {"resize_imgs_with_padding": (48, 48)},
]


@pytest.fixture(scope="module")
def lerobot():
    installed_lerobot.prepare_import()
    from lerobot.configs.types import FeatureType, PolicyFeature
    from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
    from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy

    return SimpleNamespace(policy=SmolVLAPolicy, config=SmolVLAConfig, feature=PolicyFeature, kind=FeatureType)


@pytest.fixture(params=LAYOUTS, ids=str)
def pair(lerobot, tmp_path, monkeypatch, request):
    """LeRobot's policy with weights of ours, and ours, built from LeRobot's configuration."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    spec = small_spec()
    no_units = Normalization(Affine((0.0,) * 3, (1.0,) * 3), Affine((0.0,) * 4, (1.0,) * 4))
    spec = dataclasses.replace(spec, normalization=no_units, flow=FlowSpec(STEPS, width=10))
    kind = lerobot.kind
    their_config = lerobot.config(
        vlm_model_name=str(write_backbone(tmp_path / "vlm", BACKBONE)),
        load_vlm_weights=False,
        device="cpu",
        input_features={
            "observation.state": lerobot.feature(type=kind.STATE, shape=(3,)),
            **{
                f"observation.images.{camera.role}": lerobot.feature(
                    type=kind.VISUAL, shape=(3, camera.height, camera.width)
                )
                for camera in spec.cameras
            },
        },
        output_features={"action": lerobot.feature(type=kind.ACTION, shape=(4,))},
        chunk_size=spec.horizon,
        n_action_steps=spec.n_action_steps,
        max_state_dim=8,
        max_action_dim=10,
        tokenizer_max_length=spec.max_tokens,
        num_steps=STEPS,
        num_vlm_layers=4,
        **{"resize_imgs_with_padding": (32, 32), **request.param},
    )
    theirs = draw_weights(lerobot.policy(their_config))
    vision = {**BACKBONE["vision_config"], "shifted_positions": shifts(theirs)}
    document = {**dataclasses.asdict(their_config), "vlm_config": {**BACKBONE, "vision_config": vision}}
    tokenizer = small_tokenizer(spec)
    if their_config.add_image_special_tokens:
        tokenizer.add_special_tokens(["<fake_token_around_image>", "<global-img>"])
    ours = SmolVLAPolicy(spec, SmolVLAConfig.from_lerobot(document), tokenizer)
    if their_config.add_image_special_tokens:
        ours.image_start, ours.image_end = [FAKE, WHOLE], [FAKE]  # of the words in `write_backbone`
    theirs.save_pretrained(tmp_path / "policy")
    ours.load_state_dict(load_file(tmp_path / "policy" / "model.safetensors"), strict=True)
    return theirs, ours.eval()


def shifts(theirs) -> bool:
    """Whether the installed transformers has the position ids of 4.55 to 4.57."""
    tower, seen = theirs.model.vlm_with_expert.vlm.model.vision_model, []
    hook = tower.embeddings.position_embedding.register_forward_pre_hook(lambda _, ids: seen.append(ids[0]))
    tower(pixel_values=torch.zeros(1, 3, 32, 32))
    hook.remove()
    return int(seen[0].flatten()[-1]) != tower.embeddings.num_positions - 1


@pytest.fixture
def observation(pair):
    """Frames of every camera (3, H, W, 3), state (3, S), sentences."""
    generator = np.random.default_rng(0)
    frames = {
        camera.role: generator.integers(0, 256, (3, camera.height, camera.width, 3), dtype=np.uint8)
        for camera in pair[1].spec.cameras
    }
    return frames, generator.standard_normal((3, 3), dtype=np.float32), INSTRUCTIONS


def as_lerobot(ours, observation):
    frames, state, instructions = observation
    tokens, mask = ours.encode(instructions)
    images = {
        f"observation.images.{role}": torch.from_numpy(values).permute(0, 3, 1, 2) / 255
        for role, values in frames.items()
    }
    return {
        **images,
        "observation.state": torch.from_numpy(state),
        "observation.language.tokens": tokens,
        "observation.language.attention_mask": mask,
    }


def test_a_chunk_is_lerobots(pair, observation, record_property):
    theirs, ours = pair
    noise = torch.randn(3, 6, 10, generator=torch.Generator().manual_seed(0))
    expected = theirs.predict_action_chunk(as_lerobot(ours, observation), noise=noise.clone()).numpy()
    chunk = ours.predict_chunk(*observation, noise=noise.numpy())
    assert np.abs(expected).max() > 0.5
    record_property("error", float(np.abs(chunk - expected).max()))
    np.testing.assert_allclose(chunk, expected, atol=1e-5, rtol=0)


def test_the_loss_is_lerobots(pair, observation, record_property):
    from retain.policy.base import Batch

    theirs, ours = pair
    frames, state, instructions = observation
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(3, 6, 10, generator=generator)
    time = torch.rand(3, 1, generator=generator) ** (1 / 1.5) * 0.999 + 0.001
    actions = torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected, _ = theirs.forward({**as_lerobot(ours, observation), "action": actions}, noise, time[:, 0])
        images = [torch.from_numpy(values) for values in frames.values()]
        batch = Batch(images, *ours.encode(instructions), torch.from_numpy(state), actions)
        loss = ours.loss(batch, torch.Generator().manual_seed(1))
    record_property("error", float((loss - expected).abs()))
    torch.testing.assert_close(loss, expected, atol=1e-5, rtol=1e-5)


def test_lerobot_loads_what_we_save(pair, tmp_path):
    theirs, ours = pair
    draw_weights(ours, seed=3)
    theirs.save_pretrained(tmp_path / "out")
    save_file(ours.state_dict(), tmp_path / "out" / "model.safetensors", metadata={"format": "pt"})
    loaded = type(theirs).from_pretrained(tmp_path / "out", strict=True).state_dict()
    assert loaded.keys() == ours.state_dict().keys()
    for name, tensor in ours.state_dict().items():
        assert torch.equal(loaded[name], tensor), name


@pytest.mark.parametrize("pair", LAYOUTS[:1], indirect=True, ids=str)
def test_a_directory_that_lerobot_saved_is_the_same_policy(pair, observation, tmp_path):
    """From frames, measured state and a sentence to commands: with LeRobot's processors there, after `adopt` here."""
    from lerobot.policies.factory import make_pre_post_processors
    from retain.policy import load_policy
    from retain.policy.lerobot.adopt import Naming, adopt

    theirs, ours = pair
    names = {"observation.state": 3, "action": 4}
    statistics = {
        name: {"mean": torch.arange(count) - 1.0, "std": torch.arange(count) + 0.5} for name, count in names.items()
    }
    pre, post = make_pre_post_processors(theirs.config, dataset_stats=statistics)
    saved = tmp_path / "policy"
    for pipeline in (pre, post):
        pipeline.save_pretrained(saved)
    (saved / "vlm_config.json").write_text(json.dumps(ours.architecture()["vlm_config"]))
    state, action = ("shoulder", "elbow", "gripper"), ("shoulder", "elbow", "wrist", "gripper")
    adopt(saved, tmp_path / "adopted", Naming(30.0, state, action), [("*", "rad")])
    loaded = load_policy(tmp_path / "adopted")

    frames, _, _ = observation
    frames = {role: values[:1] for role, values in frames.items()}
    measured = np.array([[0.5, -1.0, 2.0]], np.float32)
    noise = torch.randn(1, 6, 10, generator=torch.Generator().manual_seed(0))
    chunk = loaded.predict_chunk(frames, measured, ["pick up the block"], noise=noise.numpy())
    seen = {
        f"observation.images.{role}": torch.from_numpy(values[0]).permute(2, 0, 1) / 255
        for role, values in frames.items()
    }
    batch = pre({**seen, "observation.state": torch.from_numpy(measured[0]), "task": "pick up the block"})
    expected = post(theirs.predict_action_chunk(batch, noise=noise)).numpy()
    np.testing.assert_allclose(chunk, expected, atol=1e-4, rtol=0)
