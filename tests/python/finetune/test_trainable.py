"""Baselines that people compare merging with: frozen parts, L2-SP, LoRA, early stopping."""

from dataclasses import replace

import pytest
import torch
from retain.errors import TrainingError
from retain.finetune.batches import BatchSampler, Source
from retain.finetune.configuration import TrainingConfig
from retain.finetune.mixture import CoData
from retain.finetune.run import Start, run_training
from retain.finetune.scratch import scratch_policy
from retain.finetune.trainable import finished, restrict, trained
from retain.policy import load_policy, save_policy
from safetensors.torch import load_file

from .conftest import record


@pytest.fixture
def base(dataset, sizes, tmp_path):
    path = tmp_path / "base"
    save_policy(scratch_policy(dataset, sizes, seed=0)[0], path)
    return path


def finetune(base, dataset, config, output, co_data=(), **options):
    start = Start(str(base), dataset, tuple(co_data))
    return run_training(start, config, output, say=lambda _: None, warn=lambda _: None, **options)


def tensors(directory):
    return load_file(directory / "model.safetensors")


def distance(one, other):
    return sum((one[name] - other[name]).square().sum() for name in one).sqrt()


def test_frozen_parts_stay_the_base_bit_for_bit_and_the_others_move(base, dataset, config, tmp_path):
    finetune(base, dataset, replace(config, freeze=("language", "vision")), tmp_path / "out")
    before, after = tensors(base), tensors(tmp_path / "out")
    assert all(torch.equal(before[name], after[name]) for name in before if not name.startswith("action."))
    assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith("action."))


def test_freezing_what_is_not_there_or_everything_is_refused(base, dataset, config, tmp_path):
    with pytest.raises(TrainingError, match="has no part 'llm' to freeze; its parts: vision, language, action"):
        finetune(base, dataset, replace(config, freeze=("llm",)), tmp_path / "a")
    with pytest.raises(TrainingError, match="leaves nothing to train"):
        finetune(base, dataset, replace(config, freeze=("vision", "language", "action")), tmp_path / "b")
    with pytest.raises(TrainingError, match="give one of the two"):
        TrainingConfig(lora_rank=4, freeze=("vision",))


def test_the_pull_to_the_start_keeps_the_weights_nearer_to_it(base, dataset, config, tmp_path):
    moved = []
    for strength in (0.0, 1e-1, 1e3):
        finetune(base, dataset, replace(config, l2_sp=strength, weight_decay=0.0), tmp_path / f"{strength}")
        moved.append(distance(tensors(base), tensors(tmp_path / f"{strength}")))
    assert moved[2] < moved[0]
    assert not torch.equal(moved[1], moved[0])


def test_l2_sp_adds_the_gradient_of_half_lambda_times_the_squared_distance():
    from retain.finetune.trainer import _pull

    weight, start = torch.nn.Parameter(torch.tensor([1.0, 2.0, 5.0])), torch.tensor([1.0, 0.0, 1.0])
    loss = weight.square().sum()
    (loss + 0.3 / 2 * (weight - start).square().sum()).backward()
    expected, weight.grad = weight.grad.clone(), None
    weight.square().sum().backward()
    _pull([weight], [start], 0.3)
    torch.testing.assert_close(weight.grad, expected)


def test_adapters_start_as_the_base_and_end_as_a_policy_of_low_rank_difference(base, dataset, config, tmp_path):
    pytest.importorskip("peft")
    finetune(base, dataset, replace(config, lora_rank=2, lr=1e-2), tmp_path / "out")
    before, after = tensors(base), tensors(tmp_path / "out")
    assert before.keys() == after.keys()
    ranks = {}
    for name in before:
        difference = after[name] - before[name]
        if difference.ndim == 2 and name.endswith("weight") and min(difference.shape) > 2:
            values = torch.linalg.svdvals(difference)
            if values[0] > 0:
                ranks[name] = int((values > 1e-4 * values[0]).sum())
        elif not name.endswith("weight"):
            assert torch.equal(before[name], after[name])  # biases and free parameters are not adapted
    assert ranks
    assert max(ranks.values()) <= 2


def test_folding_adapters_in_changes_no_prediction(base, dataset, config):
    pytest.importorskip("peft")
    policy = load_policy(base)
    restrict(policy, replace(config, lora_rank=2))
    assert all("lora_" in name for name in trained(policy))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in trained(policy).values():
            parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    frames = scratch_policy(dataset, policy.config, seed=0)[1]
    batch = BatchSampler(policy.spec, config, Source.encode(frames, policy))(0, torch.device("cpu"))
    plain = finished(policy, policy.state_dict())
    assert plain.state_dict().keys() == load_policy(base).state_dict().keys()
    losses = [float(one.eval().loss(batch, torch.Generator().manual_seed(1)).detach()) for one in (policy, plain)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_a_lora_run_that_was_stopped_continues_to_the_same_bits(base, dataset, config, tmp_path):
    pytest.importorskip("peft")
    lora = replace(config, lora_rank=2, lora_alpha=4.0)
    finetune(base, dataset, lora, tmp_path / "whole")

    def stop(line):
        if line.step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(base, dataset, lora, tmp_path / "halved", on_step=stop)
    finetune(base, dataset, lora, tmp_path / "halved", resume=True)
    whole, halved = tensors(tmp_path / "whole"), tensors(tmp_path / "halved")
    assert all(torch.equal(whole[name], halved[name]) for name in whole)


def test_copies_on_the_way_are_policies_and_the_last_is_the_result(base, dataset, config, tmp_path):
    finetune(base, dataset, replace(config, keep_every=4), tmp_path / "out")
    first, last = (load_policy(tmp_path / f"out/training/step-00000{step}") for step in (4, 8))
    result = load_policy(tmp_path / "out")
    assert all(torch.equal(last.state_dict()[name], tensor) for name, tensor in result.state_dict().items())
    assert any(not torch.equal(first.state_dict()[name], tensor) for name, tensor in result.state_dict().items())


def test_several_datasets_are_mixed_and_asked_for_again_on_resume(base, dataset, config, tmp_path):
    others = [record(tmp_path / f"other{number}", seed=number) for number in (3, 4)]
    co_data = [CoData(others[0], 0.25), CoData(others[1], 0.25)]
    finetune(base, dataset, config, tmp_path / "out", co_data)
    finetune(base, dataset, config, tmp_path / "out", co_data, resume=True)
    with pytest.raises(TrainingError, match="was started with co_data"):
        finetune(base, dataset, config, tmp_path / "out", co_data[:1], resume=True)
