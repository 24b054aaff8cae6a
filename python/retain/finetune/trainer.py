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
from retain.policy.base import Policy

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
) -> None:
    """Train in place; afterwards the policy holds the running mean of its weights and is in eval mode.

    Args:
        policy: Start and result.
        batches: Step to batch.
        config: How.
        folder: Exists; gets log.jsonl and the state to resume from.
        resume: Continue from the state in the folder.
        on_step: Called after every step.

    Raises:
        TrainingError: The loss or a gradient is not finite, or there is nothing to resume from.
        KeyboardInterrupt: Ctrl-C, after the step was finished and the state saved.
    """
    optimizer = torch.optim.AdamW(policy.parameters(), config.lr, weight_decay=config.weight_decay, foreach=True)
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
            norm = float(torch.nn.utils.clip_grad_norm_(policy.parameters(), config.clip, foreach=True))
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
            if interrupted() and done < config.steps:
                raise KeyboardInterrupt
    policy.load_state_dict(mean.tensors)
    policy.eval()


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
