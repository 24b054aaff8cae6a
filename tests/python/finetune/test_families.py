"""π0, π0.5 and ACT learn, and a run of theirs that was stopped continues to the same bits."""

import json
import math
from copy import deepcopy

import numpy as np
import pytest
import torch
from retain.errors import PolicyError
from retain.finetune.batches import BatchSampler, Source
from retain.finetune.chunks import Frames
from retain.finetune.configuration import TrainingConfig
from retain.finetune.equipment import Equipment
from retain.finetune.trainable import restrict, trained
from retain.finetune.trainer import train

from ..policy.act.tiny_act import act_policy  # noqa: TID252 (tests are no package that could be named)
from ..policy.pi0.tiny import policy as pi_policy  # noqa: TID252

BUILD = {"pi0": lambda: pi_policy("pi0"), "pi05": lambda: pi_policy("pi05"), "act": act_policy}
KINDS = [("pi0", 0), ("pi0", 2), ("pi05", 0), ("act", 0)]


def frames_for(spec, seed=0, lengths=(9, 14)):
    """Episodes whose commands follow from the state, before cameras that see noise."""
    rng = np.random.default_rng(seed)
    count, ends = sum(lengths), np.cumsum(lengths)
    state = rng.normal(size=(count, len(spec.state))).astype(np.float32)
    return Frames(
        images=[rng.integers(0, 256, (count, one.height, one.width, 3), dtype=np.uint8) for one in spec.cameras],
        state=state,
        actions=np.repeat(0.3 * state[:, :1], len(spec.action), axis=1),
        last=np.repeat(ends - 1, lengths),
        tasks=["pick up the red block", "stop"],
        task_index=np.repeat([0, 1], lengths),
    )


def batches_for(policy, config):
    return BatchSampler(policy.spec, config, Source.encode(frames_for(policy.spec), policy))


def losses(folder):
    return [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]


class StopHereError(Exception):
    """Stands for whatever ends a process between two steps."""


@pytest.mark.parametrize(("family", "lora_rank"), KINDS)
def test_a_run_that_was_stopped_continues_to_the_same_bits(family, lora_rank, tmp_path):
    if family != "act":
        pytest.importorskip("transformers")
    base = BUILD[family]()
    config = TrainingConfig(
        steps=7, batch_size=2, accumulate=2, lr=1e-3, warmup=2, ema=0.9, save_every=3, lora_rank=lora_rank
    )
    for name in ("whole", "halved"):
        (tmp_path / name).mkdir()
    whole = train(deepcopy(base), batches_for(base, config), config, tmp_path / "whole")

    def stop(line):
        if line.step == 5:
            raise StopHereError

    with pytest.raises(StopHereError):
        train(deepcopy(base), batches_for(base, config), config, tmp_path / "halved", on_step=stop)
    halved = train(deepcopy(base), batches_for(base, config), config, tmp_path / "halved", resume=True)
    assert losses(tmp_path / "halved") == losses(tmp_path / "whole")
    assert whole.state_dict().keys() == base.state_dict().keys()
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, halved.state_dict()[name]), name
    assert any(not torch.equal(tensor, base.state_dict()[name]) for name, tensor in whole.state_dict().items())


@pytest.mark.parametrize("family", BUILD)
def test_the_loss_falls(family, tmp_path):
    if family != "act":
        pytest.importorskip("transformers")
    policy = BUILD[family]()
    # ACT regresses and has a whole resnet18; what a flow predicts is noise in part, so that more has to be averaged.
    steps, size = (14, 2) if family == "act" else (40, 8)
    config = TrainingConfig(steps=steps, batch_size=size, lr=3e-3, warmup=4, ema=0.9, jitter=0.0, save_every=100)
    train(policy, batches_for(policy, config), config, tmp_path)
    seen = losses(tmp_path)
    assert all(math.isfinite(loss) for loss in seen)
    assert np.mean(seen[-steps // 5 :]) < 0.8 * np.mean(seen[: steps // 5])


@pytest.mark.parametrize("family", BUILD)
def test_everything_is_trained_by_default_and_components_are_those_that_are_merged(family):
    if family != "act":
        pytest.importorskip("transformers")
    policy = BUILD[family]()
    everything = trained(policy).keys()
    restrict(policy, TrainingConfig())
    assert trained(policy).keys() == everything
    restrict(policy, TrainingConfig(freeze=("vision",)))
    frozen = everything - trained(policy).keys()
    assert frozen
    assert all("vision" in name or "projector" in name or "backbone" in name or "img" in name for name in frozen)


def test_act_says_that_it_keeps_its_activations(tmp_path):
    policy = act_policy()
    config = TrainingConfig(steps=1, batch_size=2)
    with pytest.raises(PolicyError, match="act has no gradient checkpointing"):
        train(policy, batches_for(policy, config), config, tmp_path, equipment=Equipment(gradient_checkpointing=True))
