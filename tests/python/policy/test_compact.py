from dataclasses import replace

import pytest
import torch
from retain.errors import PolicyError
from retain.policy.base import Batch
from retain.policy.compact.configuration import CompactConfig
from retain.policy.compact.model import COMPONENTS, CompactPolicy


def rows(policy, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (3, policy.spec.horizon, len(policy.spec.action))
    return torch.randn(shape, generator=generator), torch.rand(shape[:2], generator=generator)


def test_the_default_network_has_at_most_five_million_parameters(spec, policy):
    network = CompactPolicy(spec, CompactConfig(), policy.tokenizer)
    assert 1_000_000 < sum(parameter.numel() for parameter in network.parameters()) <= 5_000_000


def test_every_tensor_belongs_to_exactly_one_component(policy):
    for name in policy.state_dict():
        assert sum(name.startswith(f"{component}.") for component in COMPONENTS) == 1, name


def test_the_cache_has_the_shape_of_the_contract(policy, observation):
    kv = policy.prefix(*observation)["kv"]
    config = policy.config
    layers, two, batch, heads, _, head_dim = kv.shape
    assert (layers, two, batch) == (config.expert_layers, 2, 3)
    assert (heads, head_dim) == (config.heads, config.width // config.heads)


def test_a_step_sees_the_observation_only_through_the_cache(policy, observation):
    x, t = rows(policy)
    context = policy.prefix(*observation)
    together = policy.step(x, t, context)
    for index in range(3):
        alone = policy.prefix(
            [image[index : index + 1] for image in observation[0]], *(o[index : index + 1] for o in observation[1:])
        )
        one = policy.step(x[index : index + 1], t[index : index + 1], alone)
        torch.testing.assert_close(one[0], together[index], atol=1e-5, rtol=1e-5)


def test_every_input_reaches_the_velocity(policy, observation):
    x, t = rows(policy)
    images, tokens, mask, state = observation
    reference = policy.step(x, t, policy.prefix(*observation))
    changed = [
        ([255 - images[0], images[1]], tokens, mask, state),
        ([images[0], 255 - images[1]], tokens, mask, state),
        (images, tokens.roll(1, 0), mask.roll(1, 0), state),
        (images, tokens, mask, state + 1),
    ]
    for inputs in changed:
        assert not torch.allclose(policy.step(x, t, policy.prefix(*inputs)), reference, atol=1e-4)


def test_flow_time_is_per_row(policy, observation):
    x, t = rows(policy)
    context = policy.prefix(*observation)
    later = t.clone()
    later[:, 5] = 1.0
    difference = (policy.step(x, later, context) - policy.step(x, t, context)).abs().amax((0, 2))
    assert difference.argmax() == 5
    assert difference[5] > 0


def test_padding_changes_nothing_but_its_own_entries_of_the_cache(policy, observation):
    images, tokens, mask, state = observation
    scribbled = torch.where(mask, tokens, torch.full_like(tokens, 7))
    change = (policy.prefix(images, scribbled, mask, state)["kv"] - policy.prefix(*observation)["kv"]).abs()
    changed = change.amax((0, 1, 3, 5)) > 1e-5
    rest = torch.zeros(3, policy.config.static_queries, dtype=torch.bool)
    of_padding = torch.cat([part for _ in policy.spec.cameras for part in (~mask, rest)], 1)
    assert not (changed[:, : of_padding.shape[1]] & ~of_padding).any()
    assert not changed[:, of_padding.shape[1] :].any()


def test_a_camera_of_the_network_size_is_not_resized(policy):
    encoder = policy.vision
    image = torch.randint(0, 256, (1, 16, 16, 3), dtype=torch.uint8)
    doubled = image.repeat_interleave(2, 1).repeat_interleave(2, 2)
    torch.testing.assert_close(encoder.features(doubled), encoder.features(image), atol=1e-4, rtol=1e-4)


def batch_of(policy, observation):
    # No seed that a test gives the loss: actions equal to its noise would have no error to learn from.
    actions, _ = rows(policy, seed=1000)
    return Batch(*observation, actions=actions)


def test_committed_rows_carry_no_loss(policy, observation, monkeypatch):
    batch = batch_of(policy, observation)
    seen = {}

    def step(x, t, kv):
        seen["x"], seen["t"] = x, t
        seen["velocity"] = torch.zeros_like(x, requires_grad=True)
        return seen["velocity"]

    monkeypatch.setattr(policy, "step", step)
    longest = 0
    for seed in range(20):
        policy.loss(batch, torch.Generator().manual_seed(seed)).backward()
        committed = seen["t"] == 1
        longest = max(longest, int(committed.sum(1).max()))
        assert (seen["velocity"].grad[committed] == 0).all()
        assert (seen["velocity"].grad[~committed] != 0).all()
        actions = batch.actions.repeat(policy.config.flow_samples, 1, 1)
        torch.testing.assert_close(seen["x"][committed], actions[committed])
        # Committed rows come first, and the rest of a chunk shares one time.
        assert (committed.int().diff(dim=1) <= 0).all()
    assert longest == policy.spec.max_trained_delay


def test_the_loss_is_a_function_of_the_generators_seed(policy, observation):
    batch = batch_of(policy, observation)
    losses = [policy.loss(batch, torch.Generator().manual_seed(seed)).item() for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_too_large_a_vocabulary_is_refused(spec, policy):
    with pytest.raises(PolicyError, match="word vectors"):
        CompactPolicy(spec, CompactConfig(vocabulary=4), policy.tokenizer)


@pytest.mark.parametrize(
    ("sizes", "found"), [({"image_size": 30}, "30"), ({"width": 130}, "130"), ({"backbone_layers": 0}, "backbone")]
)
def test_impossible_sizes_are_refused(sizes, found):
    with pytest.raises(PolicyError, match=found):
        CompactConfig(**sizes)


def test_gradient_checkpointing_changes_no_gradient_and_keeps_less(policy, observation):
    images, tokens, mask, state = observation
    actions = torch.randn(3, policy.spec.horizon, 3, generator=torch.Generator().manual_seed(2))
    batch = Batch(images, tokens, mask, state, actions)
    seen = []
    for enabled in (False, True):
        policy.gradient_checkpointing(enabled)
        policy.zero_grad()
        kept = []
        with torch.autograd.graph.saved_tensors_hooks(lambda x, kept=kept: (kept.append(x.numel()), x)[1], lambda x: x):
            loss = policy.loss(batch, torch.Generator().manual_seed(3))
        loss.backward()
        seen.append((sum(kept), {name: value.grad.clone() for name, value in policy.named_parameters()}))
    (plain, before), (checkpointed, after) = seen
    assert checkpointed < 0.8 * plain
    for name, gradient in before.items():
        torch.testing.assert_close(after[name], gradient)


def test_a_chunk_that_is_shorter_than_the_outlook_can_be_learnt(spec, config, policy, observation):
    brief = replace(spec, horizon=2, n_action_steps=2, max_trained_delay=1)
    short = CompactPolicy(brief, config, policy.tokenizer)
    batch = Batch(*observation, actions=torch.zeros(3, 2, len(spec.action)))
    assert short.loss(batch, torch.Generator().manual_seed(0)).isfinite()
