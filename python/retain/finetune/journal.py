"""What is written down about every step: a line of log.jsonl, and TensorBoard or Weights & Biases where asked for."""

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from retain.errors import require

LOG = "log.jsonl"


@dataclass(frozen=True)
class StepLog:
    """One line of the log.

    Attributes:
        step: Steps done.
        loss: Loss of this step's batch.
        lr: Learning rate of this step.
        grad_norm: Norm of the gradient before clipping.
        seconds: Wall time since this process began training.
    """

    step: int
    loss: float
    lr: float
    grad_norm: float
    seconds: float


class Journal(Protocol):
    """Takes one line after another."""

    def __call__(self, line: StepLog, /) -> None:
        """Write it down."""
        ...


@contextmanager
def open_journals(
    folder: Path,
    keep: int,
    also: tuple[str, ...] = (),
    settings: Mapping[str, Any] | None = None,
    *,
    silent: bool = False,
) -> Iterator[Journal]:
    """Open log.jsonl and the others that are asked for; a line goes to all of them.

    Args:
        folder: Where they write; W&B also sends, unless WANDB_MODE is offline.
        keep: Steps of the run that is being continued; what was written after them is forgotten.
        also: tensorboard, wandb.
        settings: What the run was asked for.
        silent: Write nothing: another process does.

    Raises:
        MissingExtraError: tensorboard or wandb is not installed.
    """
    with ExitStack() as stack:
        if silent:
            yield lambda _: None
            return
        journals = [stack.enter_context(_lines(folder / LOG, keep))]
        if "tensorboard" in also:
            journals.append(stack.enter_context(_tensorboard(folder / "tensorboard", keep)))
        if "wandb" in also:
            journals.append(stack.enter_context(_wandb(folder, keep, settings or {})))

        def write(line: StepLog) -> None:
            for journal in journals:
                journal(line)

        yield write


@contextmanager
def _lines(path: Path, keep: int) -> Iterator[Journal]:
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
def _tensorboard(folder: Path, keep: int) -> Iterator[Journal]:
    require("tensorboard", extra="tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    # Readers drop what an event file that was cut off holds of later steps.
    with SummaryWriter(folder, purge_step=keep + 1 if keep else None) as writer:

        def write(line: StepLog) -> None:
            for name in ("loss", "lr", "grad_norm"):
                writer.add_scalar(f"train/{name}", getattr(line, name), line.step)

        yield write


@contextmanager
def _wandb(folder: Path, keep: int, settings: Mapping[str, Any]) -> Iterator[Journal]:
    wandb = require("wandb", extra="wandb")
    name, identity = folder.parent.name, folder / "wandb_run"
    if not (keep and identity.exists()):
        identity.write_text(uuid.uuid4().hex, encoding="utf-8")
    run = wandb.init(
        dir=str(folder),
        project="retain",
        name=name,
        id=identity.read_text(encoding="utf-8"),
        resume="allow",
        config=dict(settings),
    )
    try:

        def write(line: StepLog) -> None:
            values = {f"train/{name}": getattr(line, name) for name in ("loss", "lr", "grad_norm")}
            run.log(values, step=line.step)

        yield write
    finally:
        run.finish()
