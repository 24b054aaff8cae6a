import pytest
import torch
from retain.errors import PolicyError
from retain.policy.pi0 import Pi0Policy, Pi05Policy
from retain.policy.pi0.pi05 import spell_state
from retain.policy.vlm.frames import fit_frames
from torch.nn import functional

from . import joint_reference, tiny


@pytest.fixture(params=tiny.FAMILIES)
def policy(request):
    return tiny.policy(request.param)


def reference(policy, images, tokens, mask, state, x, t, missing=()):
    """The joint forward, with cameras that are not there behind those that are."""
    side = policy.config.image_size
    frames = [fit_frames(image, side, side, centred=True) for image in images]
    present = [torch.ones(len(x), dtype=torch.bool) for _ in frames]
    frames += missing
    present += [torch.zeros(len(x), dtype=torch.bool) for _ in missing]
    if policy.spec.family == "pi05":
        spelled, known = spell_state(state, policy.text)
        tokens, mask = torch.cat([tokens, spelled], 1), torch.cat([mask, known], 1)
    padded = functional.pad(state, (0, policy.config.state_width - state.shape[1]))
    return joint_reference.velocity(policy, frames, present, tokens, mask, padded, x, t)


@torch.no_grad()
def test_prefix_and_step_are_the_joint_forward(policy):
    observation, (x, t) = tiny.observation(policy), tiny.rows(policy)
    velocity = policy.step(x, t, policy.prefix(*observation))
    torch.testing.assert_close(velocity, reference(policy, *observation, x, t), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_cameras_that_the_sources_mask_are_left_out_here(policy):
    observation, (x, t) = tiny.observation(policy), tiny.rows(policy)
    side = policy.config.image_size
    noise = [torch.rand(3, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1 for seed in range(2)]
    velocity = policy.step(x, t, policy.prefix(*observation))
    expected = reference(policy, *observation, x, t, missing=noise)
    torch.testing.assert_close(velocity, expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_padded_words_change_nothing(policy):
    images, tokens, mask, state = tiny.observation(policy)
    x, t = tiny.rows(policy)
    scribbled = torch.where(mask, tokens, 7)
    velocities = [policy.step(x, t, policy.prefix(images, words, mask, state)) for words in (tokens, scribbled)]
    assert torch.equal(*velocities)
    longer = policy.prefix(images, functional.pad(tokens, (0, 4)), functional.pad(mask, (0, 4)), state)
    torch.testing.assert_close(policy.step(x, t, longer), velocities[0], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_every_input_reaches_the_velocity(policy):
    images, tokens, mask, state = tiny.observation(policy)
    x, t = tiny.rows(policy)
    before = policy.step(x, t, policy.prefix(images, tokens, mask, state))
    changed = [
        ([255 - images[0], images[1]], tokens, mask, state),
        ([images[0], 255 - images[1]], tokens, mask, state),
        (images, torch.where(mask, (tokens + 1) % 250, 0), mask, state),
        (images, tokens, mask, state + 0.5),
    ]
    for observation in changed:
        assert (policy.step(x, t, policy.prefix(*observation)) - before).abs().amax((1, 2)).min() > 1e-4
    assert (policy.step(x, (t + 0.3) % 1, policy.prefix(*changed[-1])) - before).abs().max() > 1e-4


@torch.no_grad()
def test_flow_time_is_per_row(policy):
    x, t = tiny.rows(policy)
    context = policy.prefix(*tiny.observation(policy))
    later = t.clone()
    later[:, 4] = 1.0
    difference = (policy.step(x, later, context) - policy.step(x, t, context)).abs().amax((0, 2))
    assert difference.argmax() == 4
    # The other rows see row 4, so they change too, but every sample alone.
    later = t.clone()
    later[1] = 0.0
    difference = (policy.step(x, later, context) - policy.step(x, t, context)).abs().amax((1, 2))
    assert difference[1] > 1e-3
    assert difference[[0, 2]].max() == 0


@torch.no_grad()
def test_samples_of_a_batch_do_not_see_each_other(policy):
    images, tokens, mask, state = tiny.observation(policy)
    x, t = tiny.rows(policy)
    together = policy.step(x, t, policy.prefix(images, tokens, mask, state))
    for index in range(3):
        one = slice(index, index + 1)
        alone = policy.prefix([image[one] for image in images], tokens[one], mask[one], state[one])
        torch.testing.assert_close(policy.step(x[one], t[one], alone)[0], together[index], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_pi0s_state_does_not_see_the_rows():
    policy = tiny.policy("pi0")
    context = policy.prefix(*tiny.observation(policy))
    seen = context["suffix_mask"]
    prefix = context["keys"].shape[3]
    assert not seen[:, 0, prefix + 1 :].any()
    assert seen[:, 0, prefix].all()
    assert seen[:, 1:, prefix:].all()


def test_the_context_is_float32_or_bool_and_named(policy):
    context = policy.prefix(*tiny.observation(policy))
    layers, kv_heads = policy.config.language.depth, policy.config.language.kv_heads
    cameras, patches = len(policy.spec.cameras), policy.config.patches
    assert context["keys"].shape[:4] == (layers, 3, kv_heads, context["values"].shape[3])
    assert context["keys"].shape[3] >= cameras * patches + policy.spec.max_tokens
    assert {tensor.dtype for tensor in context.values()} == {torch.float32, torch.bool}


@torch.no_grad()
def test_a_chunk_is_drawn_from_pictures_and_words(policy):
    images, _, _, state = tiny.observation(policy)
    named = {camera.role: image.numpy() for camera, image in zip(policy.spec.cameras, images, strict=True)}
    noise = tiny.rows(policy)[0].numpy()
    chunk = policy.predict_chunk(named, state.numpy(), tiny.INSTRUCTIONS, noise)
    assert chunk.shape == (3, tiny.HORIZON, 2)
    other = policy.predict_chunk(named, state.numpy(), [*tiny.INSTRUCTIONS[1:], tiny.INSTRUCTIONS[0]], noise)
    assert abs(chunk - other).max((1, 2)).min() > 1e-4


@torch.no_grad()
def test_bfloat16_autocast_stays_near_float32(policy):
    observation, (x, t) = tiny.observation(policy), tiny.rows(policy)
    exact = policy.step(x, t, policy.prefix(*observation))
    with torch.autocast("cpu", torch.bfloat16):
        context = policy.prefix(*observation)
        rounded = policy.step(x, t, context)
    assert context["keys"].dtype == rounded.dtype == torch.float32
    assert (rounded - exact).norm() / exact.norm() < 0.05


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"action_width": 16}, "width is 8"),
        ({"state_width": 2}, "3 channels"),
        ({"family": "pi05"}, "expected pi0"),
    ],
)
def test_a_spec_that_does_not_fit_is_refused(change, found):
    policy = tiny.policy("pi0")
    with pytest.raises(PolicyError, match=found):
        Pi0Policy(policy.spec, tiny.config(**{"family": "pi0", **change}), policy.tokenizer)


def test_each_class_has_its_family():
    policy = tiny.policy("pi0")
    with pytest.raises(PolicyError, match="expected pi05"):
        Pi05Policy(policy.spec, policy.config, policy.tokenizer)
