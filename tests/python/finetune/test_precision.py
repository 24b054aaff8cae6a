"""bf16, accumulation and gradient checkpointing change how a step is computed, not what is learned."""

from dataclasses import replace

import pytest
import torch
from retain.errors import PolicyError
from retain.finetune.equipment import Equipment
from retain.finetune.objective import Objective
from retain.finetune.run import Start, run_training
from retain.finetune.scratch import scratch_policy
from retain.policy import load_policy, save_policy
from retain.policy.base import Policy
from safetensors.torch import load_file


@pytest.fixture
def base(dataset, sizes, tmp_path):
    path = tmp_path / "base"
    save_policy(scratch_policy(dataset, sizes, seed=0)[0], path)
    return path


def train(base, dataset, config, output, **equipment):
    start = Start(str(base), dataset)
    run_training(start, config, output, equipment=Equipment(**equipment), say=lambda _: None, warn=lambda _: None)
    return load_file(output / "model.safetensors")


def test_bf16_computes_in_bf16_and_keeps_weights_and_gradients_in_float32(base, dataset, config, tmp_path):
    policy = load_policy(base)
    batch = batch_of(policy, dataset, config)
    seen = []
    hook = policy.action.velocity.register_forward_hook(lambda _module, _inputs, output: seen.append(output.dtype))
    losses = {}
    for precision in ("float32", "bf16"):
        objective = Objective(policy, replace(config, precision=precision))
        loss = objective(batch, torch.Generator().manual_seed(0))
        loss.backward()
        losses[precision] = loss.item()
        assert loss.dtype == torch.float32
    hook.remove()
    assert seen == [torch.float32, torch.bfloat16]
    assert losses["bf16"] == pytest.approx(losses["float32"], rel=0.02)
    assert losses["bf16"] != losses["float32"]
    assert {parameter.dtype for parameter in policy.parameters()} == {torch.float32}
    assert {p.grad.dtype for p in policy.parameters() if p.grad is not None} == {torch.float32}


def batch_of(policy, dataset, config):
    from retain.finetune.batches import BatchSampler, Source
    from retain.finetune.chunks import read_frames

    frames = read_frames(dataset, policy.spec)
    return BatchSampler(policy.spec, config, Source.encode(frames, policy))(0, policy.device)


def test_small_updates_survive_bf16(base, dataset, config, tmp_path):
    """A step of 1e-6 is far below bf16's resolution: stored in bf16, weights of order 1 would not move at all."""
    slow = replace(config, precision="bf16", lr=1e-6, warmup=0, steps=3, ema=0.0, weight_decay=0.0)
    after = train(base, dataset, slow, tmp_path / "slow")
    before = load_file(base / "model.safetensors")
    moved = max(float((after[name] - before[name]).abs().max()) for name in before)
    assert 0 < moved < 1e-5


def test_the_gradient_of_turns_is_the_gradient_of_their_mean(base, dataset, config):
    from retain.finetune.batches import BatchSampler, Source
    from retain.finetune.chunks import read_frames

    policy = load_policy(base)
    sampler = BatchSampler(policy.spec, config, Source.encode(read_frames(dataset, policy.spec), policy))
    one, other = (sampler.shard(0, shard, 2) for shard in (0, 1))
    losses = [policy.loss(part, torch.Generator().manual_seed(seed)) for seed, part in enumerate((one, other))]
    (sum(losses) / 2).backward()
    together = {name: parameter.grad.clone() for name, parameter in policy.named_parameters()}
    policy.zero_grad()
    for seed, part in enumerate((one, other)):
        (policy.loss(part, torch.Generator().manual_seed(seed)) / 2).backward()
    for name, parameter in policy.named_parameters():
        torch.testing.assert_close(parameter.grad, together[name])


def test_computing_activations_twice_learns_the_same(base, dataset, config, tmp_path):
    plain = train(base, dataset, config, tmp_path / "plain")
    again = train(base, dataset, config, tmp_path / "again", gradient_checkpointing=True)
    for name, tensor in plain.items():
        torch.testing.assert_close(again[name], tensor)


def test_a_family_that_cannot_checkpoint_says_so(base, dataset, config, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "retain.policy.compact.model.CompactPolicy.gradient_checkpointing", Policy.gradient_checkpointing
    )
    with pytest.raises(PolicyError, match="compact has no gradient checkpointing; leave it out"):
        train(base, dataset, config, tmp_path / "out", gradient_checkpointing=True)
