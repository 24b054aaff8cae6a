import dataclasses

import pytest
import torch
from retain.errors import PolicyError
from retain.policy import FlowSpec
from retain.policy.base import Batch
from retain.policy.smolvla.model import SmolVLAPolicy

from .plain_smolvla import PlainSmolVLA

TOLERANCE = {"atol": 1e-5, "rtol": 0}
"""Of float32 against float64, on outputs of size 1."""


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"self_attn_every_n_layers": 3},
        {"self_attn_every_n_layers": -1},
        {"self_attn_every_n_layers": -1, "num_expert_layers": 2},
        {"attention_mode": "self_attn"},
        {"attention_mode": "self_attn", "num_expert_layers": 2},
        {"num_vlm_layers": 0, "expert_width_multiplier": 0.5},
        {"resize_imgs_with_padding": (48, 48)},
        {"resize_imgs_with_padding": (16, 16), "min_period": 0.01, "max_period": 2.0},
    ],
    ids=str,
)
def test_prefix_and_step_are_one_pass_over_observation_and_rows(build, config, observation, rows, changes):
    policy = build(dataclasses.replace(config, **changes))
    x, t = rows
    with torch.no_grad():
        velocity = policy.step(x, t, policy.prefix(*observation))
        theirs = PlainSmolVLA(policy).velocity(*observation, x, 1 - t)
    assert velocity.std() > 0.1
    torch.testing.assert_close(velocity, -theirs.float(), **TOLERANCE)


def test_images_stand_between_the_tokenizers_marks_where_the_config_says_so(spec, config, tokenizer, observation, rows):
    marked = dataclasses.replace(config, add_image_special_tokens=True)
    with pytest.raises(PolicyError, match="tokenizer has no <fake_token_around_image>"):
        SmolVLAPolicy(spec, marked, tokenizer)
    from .small import draw_weights

    tokenizer.add_special_tokens(["<fake_token_around_image>", "<global-img>"])
    fake, whole = (tokenizer.token_to_id(name) for name in ("<fake_token_around_image>", "<global-img>"))
    policy = draw_weights(SmolVLAPolicy(spec, marked, tokenizer))
    x, t = rows
    with torch.no_grad():
        velocity = policy.step(x, t, policy.prefix(*observation))
        theirs = PlainSmolVLA(policy, ((fake, whole), (fake,))).velocity(*observation, x, 1 - t)
    torch.testing.assert_close(velocity, -theirs.float(), **TOLERANCE)


def test_the_context_is_float32_and_bool_with_static_shapes(policy, observation):
    context = policy.prefix(*observation)
    assert list(context) == ["kv", "kv_mask"]
    length = 2 * (4 // 2) ** 2 + policy.spec.max_tokens + 1
    assert (context["kv"].dtype, tuple(context["kv"].shape)) == (torch.float32, (4, 2, 3, 2, length, 16))
    assert (context["kv_mask"].dtype, tuple(context["kv_mask"].shape)) == (torch.bool, (3, length))


def test_a_step_projects_no_key_or_value_of_the_prefix(policy, observation, rows):
    """What cross-attention reads of the observation was projected by `prefix`, once per chunk."""
    context, called = policy.prefix(*observation), []
    for name, module in policy.named_modules():
        if name.endswith(("k_proj", "v_proj")):
            module.register_forward_hook(lambda *_, name=name: called.append(name))
    policy.step(*rows, context)
    joint = [f"lm_expert.layers.{index}.self_attn.{letter}_proj" for index in (0, 2) for letter in "kv"]
    assert [name.partition("with_expert.")[2] for name in called] == joint


@torch.no_grad()
def test_padding_tokens_do_not_matter(policy, observation, rows):
    images, tokens, mask, state = observation
    assert not mask.all()
    expected = policy.step(*rows, policy.prefix(*observation))
    other = torch.where(mask, tokens, 40)
    torch.testing.assert_close(policy.step(*rows, policy.prefix(images, other, mask, state)), expected)
    longer = [torch.cat([part, torch.zeros_like(part[:, :4])], 1) for part in (tokens, mask)]
    found = policy.step(*rows, policy.prefix(images, *longer, state))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_observations_of_a_batch_do_not_see_each_other(policy, observation, rows):
    images, tokens, mask, state = observation
    together = policy.step(*rows, policy.prefix(*observation))
    alone = policy.prefix([frames[1:2] for frames in images], tokens[1:2], mask[1:2], state[1:2])
    found = policy.step(rows[0][1:2], rows[1][1:2], alone)
    torch.testing.assert_close(found, together[1:2], atol=1e-5, rtol=0)


@torch.no_grad()
def test_cameras_are_told_apart_by_their_order(policy, observation, rows):
    (top, wrist), tokens, mask, state = observation
    square = [top[:, :, 8:32], wrist[:, 4:28, 4:28]]
    there = policy.step(*rows, policy.prefix(square, tokens, mask, state))
    back = policy.step(*rows, policy.prefix(square[::-1], tokens, mask, state))
    assert (there - back).abs().max() > 1e-3


@torch.no_grad()
def test_every_part_of_an_observation_is_heard(policy, observation, rows):
    images, tokens, mask, state = observation
    before = policy.step(*rows, policy.prefix(*observation))
    for changed in (
        ([255 - images[0], images[1]], tokens, mask, state),
        ([images[0], 255 - images[1]], tokens, mask, state),
        (images, tokens.flip(0), mask.flip(0), state),
        (images, tokens, mask, -state),
    ):
        assert (policy.step(*rows, policy.prefix(*changed)) - before).abs().max() > 1e-3


@torch.no_grad()
def test_a_row_has_its_own_time_and_sees_only_earlier_rows(policy, observation, rows):
    x, t = rows
    context = policy.prefix(*observation)
    before = policy.step(x, t, context)
    for row in range(t.shape[1]):
        later = t.clone()
        later[:, row] = 1 - later[:, row]
        change = (policy.step(x, later, context) - before).abs().amax((0, 2))
        assert change[:row].eq(0).all()
        assert change[row] > 1e-3


def test_the_loss_is_lerobots_for_the_drawn_noise_and_time(policy, batch):
    count, horizon = 3, policy.spec.horizon
    generator = torch.Generator().manual_seed(7)
    noise = torch.randn(count, horizon, 10, generator=generator)
    time = torch.rand(count, 1, generator=generator) ** (1 / 1.5) * 0.999 + 0.001
    actions = torch.nn.functional.pad(batch.actions, (0, 6))
    x = time[..., None] * noise + (1 - time[..., None]) * actions
    with torch.no_grad():
        found = policy.loss(batch, torch.Generator().manual_seed(7))
        seen = (batch.images, batch.tokens, batch.mask, batch.state)
        theirs = PlainSmolVLA(policy).velocity(*seen, x, time.expand(count, horizon))
    expected = torch.nn.functional.mse_loss(theirs.float(), noise - actions)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_committed_rows_are_clean_and_carry_no_loss(policy, batch, monkeypatch):
    policy.spec = dataclasses.replace(policy.spec, max_trained_delay=3)
    seen = {}

    def step(x, t, context):
        seen["x"], seen["t"] = x, t
        seen["velocity"] = torch.zeros_like(x, requires_grad=True)
        return seen["velocity"]

    monkeypatch.setattr(policy, "step", step)
    counts = []
    for seed in range(20):
        policy.loss(batch, torch.Generator().manual_seed(seed)).backward()
        committed = seen["t"] == 1
        counts += committed.sum(1).tolist()
        assert (seen["velocity"].grad[committed] == 0).all()
        assert (seen["velocity"].grad[~committed] != 0).all()
        torch.testing.assert_close(seen["x"][committed][:, :4], batch.actions[committed])
        assert (seen["x"][committed][:, 4:] == 0).all()
    assert set(counts) == {0, 1, 2, 3}


def test_rows_beyond_the_episode_teach_nothing(policy, batch):
    pad = torch.zeros(3, 6, dtype=torch.bool)
    pad[:, 4:] = True
    batch = dataclasses.replace(batch, is_pad=pad)
    losses = []
    for last in (0.0, 1e3):
        actions = batch.actions.clone()
        actions[:, 4:] = last
        losses.append(policy.loss(dataclasses.replace(batch, actions=actions), torch.Generator().manual_seed(0)))
    torch.testing.assert_close(losses[0], losses[1])


def unused(depth):
    """Stored, merged, but read by nobody: LeRobot freezes them."""
    last = f"model.vlm_with_expert.vlm.model.text_model.layers.{depth - 1}."
    rest = ("self_attn.q_proj", "self_attn.o_proj", "mlp.", "post_attention_layernorm")
    return lambda name: "lm_head" in name or "text_model.norm" in name or any(last + part in name for part in rest)


def gradients(policy, batch, **options):
    policy.zero_grad()
    policy.loss(batch, torch.Generator().manual_seed(0), **options).backward()
    return {name: p.grad for name, p in policy.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}


def test_everything_that_is_read_learns(policy, batch):
    learnt, idle = gradients(policy, batch), unused(4)
    assert set(learnt) == {name for name, _ in policy.named_parameters() if not idle(name)}


def test_insulation_keeps_the_gradient_in_the_expert(policy, batch):
    learnt = gradients(policy, batch, insulate=True)
    own = ("model.action_", "model.vlm_with_expert.lm_expert.")
    assert set(learnt) == {name for name, _ in policy.named_parameters() if name.startswith(own)}
    full = gradients(policy, batch)
    for name, gradient in learnt.items():
        torch.testing.assert_close(gradient, full[name])


def test_recomputed_activations_give_the_same_gradients(policy, batch):
    kept = {name: gradient.clone() for name, gradient in gradients(policy, batch).items()}
    policy.gradient_checkpointing(True)
    again = gradients(policy, batch)
    assert kept.keys() == again.keys()
    for name, gradient in kept.items():
        torch.testing.assert_close(again[name], gradient)


def test_one_batch_can_be_learnt(policy, batch):
    optimizer = torch.optim.Adam(policy.parameters(), lr=2e-3)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = policy.loss(batch, torch.Generator().manual_seed(0))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]


@torch.no_grad()
def test_bfloat16_weights_are_near_float32(policy, observation, rows):
    expected = policy.step(*rows, policy.prefix(*observation))
    context = policy.bfloat16().prefix(*observation)
    assert context["kv"].dtype == torch.float32
    velocity = policy.step(*rows, context)
    assert velocity.dtype == torch.float32
    assert (velocity - expected).abs().max() < 0.15 * expected.abs().max()


def test_a_chunk_is_in_robot_units(policy):
    generator = torch.Generator().manual_seed(0)
    images = {
        camera.role: torch.randint(0, 256, (1, camera.height, camera.width, 3), dtype=torch.uint8).numpy()
        for camera in policy.spec.cameras
    }
    state = torch.randn(1, 3, generator=generator).numpy()
    chunk = policy.predict_chunk(images, state, ["lift the red block"], generator=generator)
    assert chunk.shape == (1, 6, 4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"flow": None}, "integrates no columns, expected max_action_dim, 10"),
        ({"flow": FlowSpec(3)}, "integrates 4 columns, expected max_action_dim, 10"),
    ],
)
def test_a_spec_that_does_not_fit_is_refused(spec, config, tokenizer, change, message):
    with pytest.raises(PolicyError, match=message):
        SmolVLAPolicy(dataclasses.replace(spec, **change), config, tokenizer)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_state_dim": 2}, "3 state channels do not fit into max_state_dim 2"),
        ({"resize_imgs_with_padding": (40, 40)}, "is 40, expected a multiple of 16"),
        ({"num_expert_layers": 3}, "is 3, expected a divisor of the backbone's 4 layers"),
        ({"num_expert_layers": 2}, "disagree on layer 1, in LeRobot too"),
        ({"expert_width_multiplier": 0.4}, "25 wide, expected an even number"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(spec, config, tokenizer, change, message):
    with pytest.raises(PolicyError, match=message):
        SmolVLAPolicy(spec, dataclasses.replace(config, **change), tokenizer)


def test_a_tokenizer_with_too_many_words_is_refused(spec, config, tokenizer):
    tokenizer.add_tokens([f"word{index}" for index in range(100)])
    with pytest.raises(PolicyError, match="the network 96 word vectors"):
        SmolVLAPolicy(spec, config, tokenizer)


def test_a_batch_of_one_is_enough(policy, batch):
    one = Batch([frames[:1] for frames in batch.images], batch.tokens[:1], batch.mask[:1], batch.state[:1],
                batch.actions[:1])  # fmt: skip
    assert policy.loss(one, torch.Generator().manual_seed(0)).isfinite()
