"""The training loop: AdamW under a cosine, a running mean of the weights, and a state that survives being killed."""

import math
import time
from collections.abc import Callable
from contextlib import closing
from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor

from retain.errors import TrainingError
from retain.finetune.batches import BatchSampler
from retain.finetune.configuration import TrainingConfig
from retain.finetune.ema import WeightAverage
from retain.finetune.equipment import Equipment
from retain.finetune.interruption import interruption
from retain.finetune.journal import StepLog, open_journals
from retain.finetune.loading import Portion, read_ahead
from retain.finetune.objective import Objective
from retain.finetune.processes import Alone, Processes, whole
from retain.finetune.resume import checksum, load_state, save_state
from retain.finetune.schedule import ema_decay, learning_rate
from retain.finetune.trainable import finished, restrict, trained
from retain.policy.base import Policy
from retain.policy.directory import save_policy

NOISE_STREAM = 0x9E3779B9
"""Keeps the seeds of the loss's noise apart from one another from run seed to run seed."""
SHARD_STREAM = 0xD1B54A32D192ED03
"""The same from shard to shard of a batch."""


def train(
    policy: Policy,
    batches: BatchSampler,
    config: TrainingConfig,
    folder: Path,
    *,
    resume: bool = False,
    on_step: Callable[[StepLog], None] = lambda _: None,
    equipment: Equipment | None = None,
    processes: Processes | None = None,
) -> Policy:
    """Train, and return a policy that holds the running mean of the weights, in eval mode.

    Args:
        policy: The start, on the device of this process; it is changed on the way.
        batches: Step to batch.
        config: How.
        folder: Exists; gets log.jsonl, the state to resume from, and the copies that are kept on the way.
        resume: Continue from the state in the folder.
        on_step: Called after every step.
        equipment: What to work with.
        processes: This process and those that train with it; None for this one alone.

    Raises:
        TrainingError: The loss or a gradient is not finite, there is nothing to resume from, or nothing to train.
        PolicyError: The policy has no gradient checkpointing and it is asked for.
        KeyboardInterrupt: Ctrl-C, after the step was finished and the state saved.
    """
    equipment = equipment or Equipment(device=str(policy.device))
    processes = processes or Alone(equipment.device)
    restrict(policy, config)
    policy.gradient_checkpointing(equipment.gradient_checkpointing)
    frozen = checksum(policy)
    # A sharded network cannot be copied: what is handed over is filled into a copy from before.
    whole_policy = deepcopy(policy).cpu() if processes.sharded and processes.rank == 0 else policy
    optimizer: torch.optim.Optimizer = torch.optim.AdamW(
        trained(policy).values(), config.lr, weight_decay=config.weight_decay, foreach=True
    )
    objective, optimizer = processes.prepare(Objective(policy, config), optimizer)
    weights = trained(policy)
    parameters = list(weights.values())
    start = [parameter.detach().clone() for parameter in parameters] if config.l2_sp else []
    mean = WeightAverage(weights)
    first = load_state(folder, policy, mean, optimizer, frozen=frozen) if resume else 0
    portion = Portion(processes.rank, processes.count, config.accumulate)
    reading = closing(read_ahead(batches, portion, first, config.steps, equipment.workers or 0))
    objective.train()
    generator = torch.Generator()

    def backward(step: int, turn: int) -> Tensor:
        """This process's part of the loss of a step, after its gradient was added."""
        generator.manual_seed((config.seed * NOISE_STREAM + step + portion.shard(turn) * SHARD_STREAM) % (1 << 63))
        batch = next(shards).to(policy.device)
        loss: Tensor = objective(batch, generator) / config.accumulate
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def save(step: int) -> None:
        save_state(folder, step, policy, mean, optimizer, frozen=frozen, processes=processes)

    def result() -> Policy:
        averaged = {name: whole(tensor) for name, tensor in mean.tensors.items()}
        return finished(whole_policy, averaged) if processes.rank == 0 or not processes.sharded else policy

    started = time.monotonic()
    journals = open_journals(folder, first, equipment.log, vars(config), silent=processes.rank != 0)
    with reading as shards, journals as write, interruption(patient=processes.count > 1) as interrupted:
        for step in range(first, config.steps):
            rate = learning_rate(step, peak=config.lr, warmup=config.warmup, steps=config.steps)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.zero_grad(set_to_none=True)
            loss = torch.zeros((), device=policy.device)
            with processes.apart(objective):
                for turn in range(config.accumulate - 1):
                    loss += backward(step, turn)
            loss += backward(step, config.accumulate - 1)
            if config.l2_sp:
                _pull(parameters, start, config.l2_sp)
            norm = whole(torch.nn.utils.clip_grad_norm_(parameters, config.clip, foreach=True)).item()
            # One process is told to stop a moment before another; all stop after the same step.
            asked = torch.tensor(float(interrupted()), device=policy.device)
            total, stopping = processes.mean(torch.stack([loss, asked])).tolist()
            if not (math.isfinite(total) and math.isfinite(norm)):
                raise TrainingError(
                    f"the loss is {total} and its gradient {norm} at step {step + 1}; lower --lr, "
                    f"and look at the data with `retain inspect` (the state of the last save is kept)"
                )
            optimizer.step()
            mean.update(ema_decay(step, config.ema))
            done = step + 1
            line = StepLog(done, total, rate, norm, time.monotonic() - started)
            write(line)
            on_step(line)
            if done % config.save_every == 0 or done == config.steps or stopping:
                save(done)
            if config.keep_every and done % config.keep_every == 0:
                copy = result()
                if processes.rank == 0:
                    save_policy(copy, folder / kept(done), force=True)
            if stopping and done < config.steps:
                raise KeyboardInterrupt
    return result()


def kept(step: int) -> str:
    """Name of the folder with the copy of the policy after that many steps."""
    return f"step-{step:06d}"


@torch.no_grad()
def _pull(parameters: list[torch.nn.Parameter], start: list[Tensor], strength: float) -> None:
    """Add the gradient of λ/2 ‖θ − θ_start‖² (L2-SP)."""
    for parameter, origin in zip(parameters, start, strict=True):
        if parameter.grad is not None:
            parameter.grad.add_(parameter - origin, alpha=strength)
