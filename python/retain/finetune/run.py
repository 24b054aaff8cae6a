"""One training run from its inputs to a policy directory.

OUT/                          the resulting policy, once the run is complete
OUT/training/config.json      what was asked for
OUT/training/step-000100/     the policy after that many steps, where copies are kept
OUT/training/log.jsonl        one line per step: step, loss, lr, grad_norm, seconds
OUT/training/resume.safetensors
"""

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retain.errors import TrainingError
from retain.finetune.batches import BatchSampler
from retain.finetune.cameras import adopt_picture_sizes
from retain.finetune.configuration import TrainingConfig
from retain.finetune.delays import adopt_delays, trained_delay
from retain.finetune.equipment import Equipment
from retain.finetune.journal import LOG, StepLog
from retain.finetune.mixture import CoData, open_mixture
from retain.finetune.processes import Processes, join_processes
from retain.finetune.renames import Renames
from retain.finetune.scratch import scratch_policy
from retain.finetune.statistics import adopt_statistics, statistics_warnings
from retain.finetune.trainer import train
from retain.policy.compact.configuration import CompactConfig
from retain.policy.configuration_file import read_configuration
from retain.policy.directory import load_policy, save_policy
from retain.policy.locate import resolve

if TYPE_CHECKING:
    from retain.data import Dataset
    from retain.policy.base import Policy

FOLDER = "training"
_DEFAULTS: dict[str, Any] = {**asdict(TrainingConfig()), "renames": [], "preset": None, "processes": 1}


@dataclass(frozen=True)
class Start:
    """Where training starts.

    Attributes:
        base: A policy directory or name, None to start from random weights.
        data: What is to be learned.
        co_data: What is mixed in so as not to be forgotten.
        renames: The datasets' names where they are not the policy's.
        preset: The name of the settings that were taken, to be told in the record; None for settings of one's own.
    """

    base: str | None
    data: "Dataset"
    co_data: tuple[CoData, ...] = ()
    renames: Renames = field(default_factory=Renames)
    preset: str | None = None


def run_training(
    start: Start,
    config: TrainingConfig,
    output: Path,
    *,
    resume: bool = False,
    force: bool = False,
    equipment: Equipment | None = None,
    say: Callable[[str], None] = print,
    warn: Callable[[str], None] = print,
    on_step: Callable[[StepLog], None] = lambda _: None,
) -> "Policy":
    """Train and write the mean of the weights to `output` as a policy directory.

    Args:
        start: Base and data.
        config: How.
        output: Result; see the module. Several processes must all see it.
        resume: Continue the run that was interrupted in `output`.
        force: Replace what is in `output`; an old policy there stays until the new one is complete.
        equipment: What to work with.
        say: Takes facts worth reading.
        warn: Takes what the user should look into.
        on_step: Called after every step.

    Returns:
        The result; where weights are sharded over several processes, only the first one's is.

    Raises:
        TrainingError: The output exists, or there is nothing to resume, or it was asked for differently, or there is no
            such device.
        DatasetError: The data do not fit the policy.
        PolicyError: The base is not a policy.
    """
    equipment = equipment or Equipment()
    processes = join_processes(equipment.device)
    if config.batch_size % (processes.count * config.accumulate):
        raise TrainingError(
            f"a batch of {config.batch_size} cannot be dealt evenly to {processes.count} processes of"
            f" {config.accumulate} turns; change --batch-size"
        )
    if start.base is not None:
        trained_delay(read_configuration(resolve(start.base))[0], config)  # a mistake costs nothing yet
    if processes.rank:
        say = warn = on_step = _nothing
    else:
        _claim(output, _asked(start, config, processes), resume=resume, force=force)
    processes.wait()
    try:
        return _claimed(start, config, output, equipment, processes, resume=resume, say=say, warn=warn, on_step=on_step)
    except BaseException:
        if processes.rank == 0:
            _release(output)
        raise


def _claimed(
    start: Start,
    config: TrainingConfig,
    output: Path,
    equipment: Equipment,
    processes: Processes,
    *,
    resume: bool,
    say: Callable[[str], None],
    warn: Callable[[str], None],
    on_step: Callable[[StepLog], None],
) -> "Policy":
    """The run whose folder is there; `run_training` describes arguments and errors."""
    policy: Policy
    if start.base is None:
        policy = scratch_policy(start.data, CompactConfig(), config.seed, pictures=False)[0]
        say(f"normalization: from {start.data.path}")
    else:
        policy = load_policy(start.base)
        for sentence in adopt_picture_sizes(policy, start.data, start.renames):
            say(sentence)
    for sentence in adopt_delays(policy, config):
        say(sentence)
    mixture = open_mixture(start.data, start.co_data, policy, equipment, start.renames)
    if start.base is not None and config.stats == "data":
        adopt_statistics(policy, [source.frames for source in mixture.sources])
        refused = "has to fold that" if policy.spec.flow is None else "will refuse that"
        warn(
            f"normalization: that of the data, not that of {start.base}; merging the two mixes units, and retain merge"
            f" {refused}: to merge, leave out --stats data"
        )
    elif start.base is not None:
        say(f"normalization: that of {start.base}, so that the two can be merged")
        for sentence in statistics_warnings(mixture.task.frames, policy.spec):
            warn(sentence)
    batches = BatchSampler(policy.spec, config, mixture.task, mixture.co_training)
    for sentence in _facts(policy, batches, processes, config):
        say(sentence)
    trained = train(
        policy.to(processes.device),
        batches,
        config,
        output / FOLDER,
        resume=resume,
        on_step=on_step,
        equipment=mixture.equipment,
        processes=processes,
    )
    if processes.rank == 0:
        save_policy(trained, output, force=True)
    processes.wait()
    return trained


def _nothing(_: object) -> None:
    pass


def _facts(policy: "Policy", batches: BatchSampler, processes: Processes, config: TrainingConfig) -> Iterator[str]:
    task = batches.shares[0][0].frames
    parameters = sum(parameter.numel() for parameter in policy.parameters())
    yield f"{parameters} parameters, {len(task)} frames of {len(task.tasks)} instructions, {config.steps} steps"
    if processes.count > 1 or config.accumulate > 1:
        shards = processes.count * config.accumulate
        yield (
            f"a batch of {config.batch_size}: {processes.count} processes, {config.accumulate} turns each,"
            f" {config.batch_size // shards} observations a turn"
        )


def _asked(start: Start, config: TrainingConfig, processes: Processes) -> dict[str, Any]:
    co_data = [[str(one.dataset.path), one.ratio] for one in start.co_data]
    settings = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(config).items()}
    return {
        "base": start.base,
        "data": str(start.data.path),
        "co_data": co_data,
        "renames": [list(pair) for pair in start.renames.pairs],
        "preset": start.preset,
        "processes": processes.count,
        **settings,
    }


def _claim(output: Path, asked: dict[str, Any], *, resume: bool, force: bool) -> None:
    """Make sure that the folder belongs to the run that is asked for."""
    path = output / FOLDER / "config.json"
    if resume:
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise TrainingError(f"{output} holds no run to resume ({error}); start without --resume") from error
        for name, value in asked.items():
            # What earlier versions did not have was at its default.
            if before.get(name, _DEFAULTS.get(name)) != value:
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


def _release(output: Path) -> None:
    """Take the claim back where no step was taken, so that the next try finds the name free."""
    log = output / FOLDER / LOG
    if log.exists() and log.stat().st_size:
        return
    shutil.rmtree(output / FOLDER, ignore_errors=True)
    with contextlib.suppress(OSError):  # an older policy is in it
        output.rmdir()
