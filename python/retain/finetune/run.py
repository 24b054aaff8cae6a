"""One training run from its inputs to a policy directory.

OUT/                          the resulting policy, once the run is complete
OUT/training/config.json      what was asked for
OUT/training/step-000100/     the policy after that many steps, where copies are kept
OUT/training/log.jsonl        one line per step: step, loss, lr, grad_norm, seconds
OUT/training/resume.safetensors
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from retain.errors import TrainingError
from retain.finetune.batches import BatchSampler, Source
from retain.finetune.chunks import read_frames
from retain.finetune.configuration import TrainingConfig
from retain.finetune.scratch import scratch_policy
from retain.finetune.statistics import statistics_warnings
from retain.finetune.trainer import StepLog, train
from retain.policy.compact.configuration import CompactConfig
from retain.policy.directory import load_policy, save_policy

if TYPE_CHECKING:
    from retain.data import Dataset
    from retain.policy.base import Policy

FOLDER = "training"


@dataclass(frozen=True)
class CoData:
    """Data that is mixed into every batch: the base's own, so that less is forgotten, or that of earlier skills.

    Attributes:
        dataset: The data.
        ratio: Its share of every batch, above 0 and below 1.
    """

    dataset: "Dataset"
    ratio: float


@dataclass(frozen=True)
class Start:
    """Where training starts.

    Attributes:
        base: A policy directory or name, None to start from random weights.
        data: What is to be learned.
        co_data: What is mixed in so as not to be forgotten.
    """

    base: str | None
    data: "Dataset"
    co_data: tuple[CoData, ...] = ()


def run_training(
    start: Start,
    config: TrainingConfig,
    output: Path,
    *,
    resume: bool = False,
    force: bool = False,
    device: str = "cpu",
    say: Callable[[str], None] = print,
    warn: Callable[[str], None] = print,
    on_step: Callable[[StepLog], None] = lambda _: None,
) -> "Policy":
    """Train and write the mean of the weights to `output` as a policy directory.

    Args:
        start: Base and data.
        config: How.
        output: Result; see the module.
        resume: Continue the run that was interrupted in `output`.
        force: Replace what is in `output`; an old policy there stays until the new one is complete.
        device: Where to train.
        say: Takes facts worth reading.
        warn: Takes what the user should look into.
        on_step: Called after every step.

    Raises:
        TrainingError: The output exists, or there is nothing to resume, or it was asked for differently.
        DatasetError: The data do not fit the policy.
        PolicyError: The base is not a policy.
    """
    folder = output / FOLDER
    _claim(output, _asked(start, config), resume=resume, force=force)
    if start.base is None:
        policy: Policy
        policy, frames = scratch_policy(start.data, CompactConfig(), config.seed)
        say(f"normalization: from {start.data.path}")
    else:
        policy = load_policy(start.base, device)
        frames = read_frames(start.data, policy.spec)
        say(f"normalization: that of {start.base}, always, so that the two can be merged")
        for sentence in statistics_warnings(frames, policy.spec):
            warn(sentence)
    parameters = sum(parameter.numel() for parameter in policy.parameters())
    say(f"{parameters} parameters, {len(frames)} frames of {len(frames.tasks)} instructions, {config.steps} steps")
    co_training = [
        (Source.encode(read_frames(one.dataset, policy.spec), policy.tokenizer), one.ratio) for one in start.co_data
    ]
    batches = BatchSampler(policy.spec, config, Source.encode(frames, policy.tokenizer), co_training)
    trained = train(policy.to(device), batches, config, folder, resume=resume, on_step=on_step)
    save_policy(trained, output, force=True)
    return trained


def _asked(start: Start, config: TrainingConfig) -> dict[str, object]:
    co_data = [[str(one.dataset.path), one.ratio] for one in start.co_data]
    settings = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(config).items()}
    return {"base": start.base, "data": str(start.data.path), "co_data": co_data, **settings}


def _claim(output: Path, asked: dict[str, object], *, resume: bool, force: bool) -> None:
    """Make sure that the folder belongs to the run that is asked for."""
    path = output / FOLDER / "config.json"
    if resume:
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise TrainingError(f"{output} holds no run to resume ({error}); start without --resume") from error
        for name, value in asked.items():
            if before.get(name) != value:
                raise TrainingError(
                    f"{output} was started with {name} {before.get(name)}, now it is {value}; "
                    f"resume with the same, or start again with --force"
                )
        return
    if output.exists():
        if not force:
            raise TrainingError(f"{output} exists; give another name, --resume or --force")
        shutil.rmtree(output / FOLDER, ignore_errors=True)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(asked, indent=2) + "\n", encoding="utf-8")
