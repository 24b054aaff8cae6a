"""The training loop: AdamW under a cosine, a running mean of the weights, and a state that survives being killed."""

import json
import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import torch

from retain.errors import TrainingError
from retain.finetune.batches import BatchSampler
from retain.finetune.configuration import TrainingConfig
from retain.finetune.ema import WeightAverage
from retain.finetune.resume import load_state, save_state
from retain.finetune.schedule import ema_decay, learning_rate
from retain.finetune.trainable import finished, restrict, trained
from retain.policy.base import Policy
from retain.policy.directory import save_policy

LOG = "log.jsonl"
NOISE_STREAM = 0x9E3779B9
"""Keeps the seeds of the loss's noise apart from one another from run seed to run seed."""


@dataclass(frozen=True)
class StepLog:
    """One line of the log.

    Attributes:
        step: Steps done.
        loss: Flow-matching loss of this step's batch.
        lr: Learning rate of this step.
        grad_norm: Norm of the gradient before clipping.
        seconds: Wall time since this process began training.
    """

    step: int
    loss: float
    lr: float
    grad_norm: float
    seconds: float


def train(
    policy: Policy,
    batches: BatchSampler,
    config: TrainingConfig,
    folder: Path,
    *,
    resume: bool = False,
    on_step: Callable[[StepLog], None] = lambda _: None,
) -> Policy:
    """Train, and return a policy that holds the running mean of the weights, in eval mode.

    Args:
        policy: The start; it is changed on the way.
        batches: Step to batch.
        config: How.
        folder: Exists; gets log.jsonl, the state to resume from, and the copies that are kept on the way.
        resume: Continue from the state in the folder.
        on_step: Called after every step.

    Raises:
        TrainingError: The loss or a gradient is not finite, there is nothing to resume from, or nothing to train.
        KeyboardInterrupt: Ctrl-C, after the step was finished and the state saved.
    """
    restrict(policy, config)
    parameters = list(trained(policy).values())
    start = [parameter.detach().clone() for parameter in parameters] if config.l2_sp else []
    optimizer = torch.optim.AdamW(parameters, config.lr, weight_decay=config.weight_decay, foreach=True)
    mean = WeightAverage(policy)
    first = load_state(folder, policy, mean, optimizer) if resume else 0
    policy.train()
    generator = torch.Generator()
    started = time.monotonic()
    with _log(folder / LOG, keep=first) as write, _interruption() as interrupted:
        for step in range(first, config.steps):
            rate = learning_rate(step, peak=config.lr, warmup=config.warmup, steps=config.steps)
            for group in optimizer.param_groups:
                group["lr"] = rate
            generator.manual_seed(config.seed * NOISE_STREAM + step)
            loss = policy.loss(batches(step, policy.device), generator, insulate=config.insulate)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            if config.l2_sp:
                _pull(parameters, start, config.l2_sp)
            norm = float(torch.nn.utils.clip_grad_norm_(parameters, config.clip, foreach=True))
            if not (math.isfinite(loss.item()) and math.isfinite(norm)):
                raise TrainingError(
                    f"the loss is {loss.item()} and its gradient {norm} at step {step + 1}; lower --lr, "
                    f"and look at the data with `retain inspect` (the state of the last save is kept)"
                )
            optimizer.step()
            mean.update(policy, ema_decay(step, config.ema))
            done = step + 1
            line = StepLog(done, loss.item(), rate, norm, time.monotonic() - started)
            write(line)
            on_step(line)
            if done % config.save_every == 0 or done == config.steps or interrupted():
                save_state(folder, done, policy, mean, optimizer)
            if config.keep_every and done % config.keep_every == 0:
                save_policy(finished(policy, mean.tensors), folder / kept(done), force=True)
            if interrupted() and done < config.steps:
                raise KeyboardInterrupt
    return finished(policy, mean.tensors)


def kept(step: int) -> str:
    """Name of the folder with the copy of the policy after that many steps."""
    return f"step-{step:06d}"


@torch.no_grad()
def _pull(parameters: list[torch.nn.Parameter], start: list[torch.Tensor], strength: float) -> None:
    """Add the gradient of λ/2 ‖θ − θ_start‖² (L2-SP)."""
    for parameter, origin in zip(parameters, start, strict=True):
        if parameter.grad is not None:
            parameter.grad.add_(parameter - origin, alpha=strength)


@contextmanager
def _log(path: Path, keep: int) -> Iterator[Callable[[StepLog], None]]:
    """A jsonl file that begins with the first `keep` steps of the run that is being continued."""
    kept: list[str] = []
    if keep and path.exists():
        lines = path.read_text(encoding="utf-8").splitlines()[:keep]
        kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= keep]
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in kept)

        def write(line: StepLog) -> None:
            file.write(json.dumps(vars(line)) + "\n")
            file.flush()

        yield write


@contextmanager
def _interruption() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C into a question, so that no step is cut in half. A second Ctrl-C stops at once."""
    asked = False

    def ask(_signal: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)
