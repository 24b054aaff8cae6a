"""LeRobot's own π0 and π0.5 give the same numbers. Skipped where they are missing; docs/lerobot.md makes them run."""

import copy
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from retain.policy.pi0.pi05 import spell_state
from tokenizers import Tokenizer
from torch.nn import functional

from ... import installed_lerobot  # noqa: TID252 (tests are no package that could be named)
from . import tiny

pytestmark = [*installed_lerobot.marks, pytest.mark.timeout(600)]
CAMERAS = ("front", "wrist")


@pytest.fixture(scope="module")
def lerobot():
    installed_lerobot.prepare_import()
    modules = {}
    for family in tiny.FAMILIES:
        name = f"lerobot.policies.{family}.modeling_{family}"
        try:
            modules[family] = pytest.importorskip(name, exc_type=ImportError)
        except SyntaxError as error:
            pytest.skip(f"this LeRobot is for a newer Python: {error}")
        if not hasattr(modules[family], "PiGemmaForCausalLM"):
            pytest.skip("before 0.5 LeRobot's π0 needs a transformers of its own; docs/lerobot.md has another way")
    return modules


@pytest.fixture(params=tiny.FAMILIES)
def pair(request, lerobot, monkeypatch):
    """Ours, theirs at the same sizes with the same weights, and LeRobot's names for features."""
    from lerobot.configs.types import FeatureType, PolicyFeature

    family, module = request.param, lerobot[request.param]
    ours = tiny.policy(family)
    config = ours.config
    sizes = {"gemma_2b": config.language, "gemma_300m": config.expert}
    monkeypatch.setattr(
        module,
        "get_gemma_config",
        lambda variant: module.GemmaConfig(
            width=sizes[variant].width,
            depth=sizes[variant].depth,
            mlp_dim=sizes[variant].mlp_width,
            num_heads=sizes[variant].heads,
            num_kv_heads=sizes[variant].kv_heads,
            head_dim=sizes[variant].head_dim,
        ),
    )

    def shrunk(build):
        def made(config):
            config = copy.deepcopy(config)
            text = getattr(config, "text_config", config)
            text.vocab_size = ours.config.vocabulary
            if hasattr(config, "vision_config"):
                vision = config.vision_config
                vision.projection_dim = ours.config.language.width
                vision.hidden_size, vision.num_hidden_layers = ours.config.vision.width, ours.config.vision.depth
                vision.intermediate_size = ours.config.vision.mlp_width
                vision.num_attention_heads, vision.patch_size = ours.config.vision.heads, ours.config.vision.patch
            return build(config)

        return made

    for name in ("PaliGemmaForConditionalGenerationWithPiGemma", "PiGemmaForCausalLM"):
        monkeypatch.setattr(module, name, shrunk(getattr(module, name)))
    inputs = {"observation.state": PolicyFeature(type=FeatureType.STATE, shape=(len(ours.spec.state),))}
    for camera in ours.spec.cameras:
        feature = PolicyFeature(type=FeatureType.VISUAL, shape=(3, camera.height, camera.width))
        inputs[f"observation.images.{camera.role}"] = feature
    build = {"pi0": "PI0", "pi05": "PI05"}[family]
    theirs = getattr(module, f"{build}Policy")(
        getattr(module, f"{build}Config")(
            device="cpu",
            input_features=inputs,
            output_features={"action": PolicyFeature(type=FeatureType.ACTION, shape=(len(ours.spec.action),))},
            chunk_size=ours.spec.horizon,
            n_action_steps=ours.spec.horizon,
            max_state_dim=config.state_width,
            max_action_dim=config.action_width,
            num_inference_steps=ours.spec.flow.steps,
            image_resolution=(config.image_size, config.image_size),
            empty_cameras=1,
        )
    )
    theirs.load_state_dict(ours.state_dict(), strict=True)
    return SimpleNamespace(family=family, module=module, ours=ours, theirs=theirs.eval())


def words_of(policy, tokens, mask, state):
    """What LeRobot's tokenizer step would give: for π0.5 the whole sentence, without holes."""
    if policy.spec.family == "pi0":
        return tokens, mask
    spelled, known = spell_state(state, policy.text)
    tokens, mask = torch.cat([tokens, spelled], 1), torch.cat([mask, known], 1)
    packed = [row[real] for row, real in zip(tokens, mask, strict=True)]
    length = torch.tensor([len(row) for row in packed])
    tokens = torch.stack([functional.pad(row, (0, tokens.shape[1] - len(row))) for row in packed])
    return tokens, torch.arange(tokens.shape[1]) < length[:, None]


def batch_of(policy, images, tokens, mask, state):
    names = [f"observation.images.{camera.role}" for camera in policy.spec.cameras]
    tokens, mask = words_of(policy, tokens, mask, state)
    return {
        **{name: image.permute(0, 3, 1, 2).float() / 255 for name, image in zip(names, images, strict=True)},
        "observation.state": state,
        "observation.language.tokens": tokens,
        "observation.language.attention_mask": mask,
    }


def test_names_shapes_and_dtypes_are_theirs(pair):
    described = [
        {name: (tensor.shape, tensor.dtype) for name, tensor in policy.state_dict().items()}
        for policy in (pair.ours, pair.theirs)
    ]
    assert described[0] == described[1]


@pytest.mark.parametrize("steps", [4, 10])
def test_a_chunk_is_theirs_with_an_empty_camera_on_their_side(pair, steps):
    pair.theirs.config.num_inference_steps = steps
    pair.ours.spec = replace(pair.ours.spec, flow=replace(pair.ours.spec.flow, steps=steps))
    observation = tiny.observation(pair.ours)
    noise, _ = tiny.rows(pair.ours)
    theirs = pair.theirs.predict_action_chunk(batch_of(pair.ours, *observation), noise=noise.clone())
    with torch.no_grad():
        ours = pair.ours.draw(pair.ours.prefix(*observation), len(noise), noise.numpy())
    assert theirs.abs().max() > 0.1
    torch.testing.assert_close(ours[..., : theirs.shape[-1]], theirs, atol=1e-5, rtol=0)


def test_the_training_forward_is_theirs_in_value_and_gradient(pair):
    observation = tiny.observation(pair.ours)
    generator = torch.Generator().manual_seed(5)
    actions, noise = (torch.randn(3, tiny.HORIZON, 8, generator=generator) for _ in range(2))
    # Times that are exact from both ends: 1 - 0.4 and 0.6 are two numbers in float32, 250 turns apart by 1e-5 turns.
    time = torch.tensor([0.0009765625, 0.375, 1.0])
    x = time[:, None, None] * noise + (1 - time[:, None, None]) * actions
    velocity = pair.ours.step(x, (1 - time)[:, None].expand(3, tiny.HORIZON), pair.ours.prefix(*observation))
    ours = (velocity - (actions - noise)).square()
    images, masks = pair.theirs._preprocess_images(batch_of(pair.ours, *observation))
    state = [pair.theirs.prepare_state({"observation.state": observation[3]})] if pair.family == "pi0" else []
    theirs = pair.theirs.model(images, masks, *words_of(pair.ours, *observation[1:]), *state, actions, noise, time)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    for losses in (ours, theirs):
        losses.mean().backward()
    gradients = dict(pair.theirs.named_parameters())
    compared = 0
    for name, parameter in pair.ours.named_parameters():
        if parameter.requires_grad:
            torch.testing.assert_close(parameter.grad, gradients[name].grad, atol=1e-6, rtol=1e-4, msg=name)
            compared += 1
        else:
            assert gradients[name].grad is None or not gradients[name].grad.any(), name
    assert compared > 50


def test_flow_time_per_row_is_theirs(pair):
    suffix = pair.theirs.model.embed_suffix
    x, t = tiny.rows(pair.ours)
    try:
        suffix(*([torch.zeros(3, 8)] if pair.family == "pi0" else []), x, t)
    except (ValueError, RuntimeError):
        pytest.skip("this LeRobot has one flow time per chunk (before 0.6.2, and in pi0)")
    observation = tiny.observation(pair.ours)
    images, masks = pair.theirs._preprocess_images(batch_of(pair.ours, *observation))
    # Rows that are already committed are clean: the same times as in LeRobot's training-time real-time chunking.
    committed = torch.arange(tiny.HORIZON) < torch.tensor([[0], [2], [3]])
    time = torch.where(committed, 0.0, torch.tensor([[0.3], [0.7], [1.0]]))
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(7))
    shared = torch.tensor([0.3, 0.7, 1.0])
    theirs = pair.theirs.model(
        images, masks, *words_of(pair.ours, *observation[1:]), x, noise, shared, prefix_mask=committed
    )
    mixed = time[..., None] * noise + (1 - time[..., None]) * x
    velocity = pair.ours.step(mixed, 1 - time, pair.ours.prefix(*observation))
    torch.testing.assert_close((velocity - (x - noise)).square(), theirs, atol=1e-5, rtol=1e-5)


def test_the_state_reads_as_theirs(lerobot):
    ours = tiny.policy("pi05")
    processor = pytest.importorskip("lerobot.policies.pi05.processor_pi05")
    step = processor.Pi05PrepareStateTokenizerProcessorStep(max_state_dim=8)
    state = torch.tensor([[-1.2, 0.3, 0.99], [-1.0, -0.0078, 1.7], [0.0, 1.0, 0.5]])
    transition = {
        processor.TransitionKey.OBSERVATION: {"observation.state": state},
        processor.TransitionKey.COMPLEMENTARY_DATA: {"task": list(tiny.INSTRUCTIONS)},
    }
    texts = step(transition)[processor.TransitionKey.COMPLEMENTARY_DATA]["task"]
    free = Tokenizer.from_str(ours.tokenizer.to_str())
    free.no_truncation()
    free.no_padding()
    spelled, known = spell_state(state, ours.text)
    for text, instruction, row, real in zip(texts, tiny.INSTRUCTIONS, spelled, known, strict=True):
        before = free.encode(ours.spec.sentence(instruction)).ids
        assert [*before, *row[real].tolist()] == free.encode(text).ids
