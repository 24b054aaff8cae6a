from dataclasses import replace

import pytest
import torch
from retain.policy.base import Batch

from . import tiny


@pytest.fixture(params=tiny.FAMILIES)
def policy(request):
    return tiny.policy(request.param)


def batch_of(policy):
    actions = torch.randn(3, tiny.HORIZON, len(policy.spec.action), generator=torch.Generator().manual_seed(1000))
    return Batch(*tiny.observation(policy), actions=actions)


def with_delays(family):
    policy = tiny.policy(family)
    policy.spec = replace(policy.spec, max_trained_delay=3)
    return policy


def test_a_gradient_reaches_every_tensor_that_an_action_depends_on_and_no_other(policy):
    policy.loss(batch_of(policy), torch.Generator().manual_seed(0)).backward()
    idle = set()
    for name, parameter in policy.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
        else:
            assert parameter.grad is None, name
            idle.add(name.removeprefix("model.paligemma_with_expert."))
    last = policy.config.language.depth - 1
    language = "paligemma.model.language_model."
    assert idle == {
        "paligemma.lm_head.weight",
        "gemma_expert.lm_head.weight",
        f"{language}norm.weight",
        f"{language}layers.{last}.self_attn.q_proj.weight",
        f"{language}layers.{last}.self_attn.o_proj.weight",
        f"{language}layers.{last}.post_attention_layernorm.weight",
        *(f"{language}layers.{last}.mlp.{kind}_proj.weight" for kind in ("gate", "up", "down")),
    }


def test_insulated_the_backbone_gets_no_gradient_and_all_else_the_same(policy):
    gradients = []
    for insulate in (False, True):
        policy.zero_grad()
        policy.loss(batch_of(policy), torch.Generator().manual_seed(0), insulate=insulate).backward()
        gradients.append({name: parameter.grad for name, parameter in policy.named_parameters()})
    for name, gradient in gradients[1].items():
        if ".paligemma." in name:
            assert gradient is None, name
        elif gradient is not None:
            torch.testing.assert_close(gradient, gradients[0][name], msg=name)


def test_the_loss_counts_the_padding_whose_clean_value_is_zero(policy):
    """As openpi's; LeRobot counts the robot's own columns only (docs/lerobot.md)."""
    seen = {}

    def step(x, t, context):
        seen["x"], seen["t"] = x, t
        return torch.zeros_like(x)

    policy.step = step
    batch = batch_of(policy)
    loss = policy.loss(batch, torch.Generator().manual_seed(4))
    noise = torch.randn(3, tiny.HORIZON, 8, generator=torch.Generator().manual_seed(4))
    clean = torch.nn.functional.pad(batch.actions, (0, 6))
    torch.testing.assert_close(loss, (clean - noise).square().mean())
    torch.testing.assert_close(seen["x"], torch.lerp(noise, clean, seen["t"][..., None]))
    assert (seen["t"] == seen["t"][:, :1]).all()


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_committed_rows_are_clean_and_carry_no_loss(family):
    policy = with_delays(family)
    seen = {}

    def step(x, t, context):
        seen["x"], seen["t"] = x, t
        seen["velocity"] = torch.zeros_like(x, requires_grad=True)
        return seen["velocity"]

    policy.step = step
    batch, longest = batch_of(policy), 0
    for seed in range(20):
        policy.loss(batch, torch.Generator().manual_seed(seed)).backward()
        committed = seen["t"] == 1
        longest = max(longest, int(committed.sum(1).max()))
        assert (seen["velocity"].grad[committed] == 0).all()
        assert (seen["velocity"].grad[~committed] != 0).all()
        torch.testing.assert_close(seen["x"][committed][:, :2], batch.actions[committed])
        assert (seen["x"][committed][:, 2:] == 0).all()
    assert longest == policy.spec.max_trained_delay


def test_the_loss_is_a_function_of_the_generators_seed(policy):
    batch = batch_of(policy)
    losses = [policy.loss(batch, torch.Generator().manual_seed(seed)).item() for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_layers_computed_again_give_the_same_gradients(policy):
    batch, gradients = batch_of(policy), []
    for enabled in (False, True):
        policy.gradient_checkpointing(enabled)
        policy.zero_grad()
        policy.train()
        policy.loss(batch, torch.Generator().manual_seed(0)).backward()
        gradients.append([parameter.grad for parameter in policy.parameters() if parameter.requires_grad])
    for kept, again in zip(*gradients, strict=True):
        torch.testing.assert_close(kept, again)


def test_the_loss_falls(policy):
    batch = batch_of(policy)
    optimizer = torch.optim.AdamW([p for p in policy.parameters() if p.requires_grad], lr=3e-3)
    losses = []
    for _ in range(60):
        loss = policy.loss(batch, torch.Generator().manual_seed(0))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_rows_beyond_an_episode_count_as_in_the_sources(policy):
    batch = batch_of(policy)
    marked = replace(batch, is_pad=torch.arange(tiny.HORIZON).expand(3, -1) >= 2)
    losses = [policy.loss(one, torch.Generator().manual_seed(0)).item() for one in (batch, marked)]
    assert losses[0] == losses[1]
