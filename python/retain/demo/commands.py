"""The steps of the demo that are commands of the product: each is said as a user would type it, then run."""

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from retain.choose import Candidate
from retain.demo.settings import DemoSettings
from retain.errors import RetainError

Say = Callable[[str], None]


@dataclass(frozen=True)
class Chosen:
    """What `retain sweep` took.

    Attributes:
        candidate: The α.
        reason: One sentence.
    """

    candidate: Candidate
    reason: str


def run_command(say: Say, *arguments: str) -> str:
    """Run one `retain` command in a process of its own; its output goes where ours goes.

    Returns:
        The command as a user would type it.

    Raises:
        RetainError: The command failed; it has said why.
        KeyboardInterrupt: It was interrupted.
    """
    typed = shlex.join(["retain", *arguments])
    say(f"$ {typed}")
    code = subprocess.run([sys.executable, "-m", "retain.cli", *arguments], check=False).returncode
    if code == 130:
        raise KeyboardInterrupt
    if code != 0:
        raise RetainError(f"`{typed}` failed with exit code {code}; its message stands above")
    return typed


def record(settings: DemoSettings, say: Say) -> list[str]:
    """Record what is learnt from, what α is chosen on, and old tasks; the three commands as typed."""
    new, seed = ("--skill", settings.skill), settings.seed
    return [
        run_command(say, "record", *what, "--episodes", str(n), "--seed", str(drawn), "-o", str(path))
        for what, n, drawn, path in (
            (new, settings.demonstrations, seed, settings.dataset),
            (new, settings.held_out, seed + 1, settings.held_out_dataset),
            (("--pretraining",), settings.old_episodes, seed + 1, settings.old_dataset),
        )
    ]


def finetune(settings: DemoSettings, say: Say) -> str:
    """Finetune; the command as typed."""
    return run_command(
        say, "finetune", settings.base, "--data", str(settings.dataset), "--steps", str(settings.steps),
        "--batch-size", str(settings.batch_size), "--lr", f"{settings.learning_rate:g}",
        "--seed", str(settings.seed), "-o", str(settings.finetuned),
    )  # fmt: skip


def choose(settings: DemoSettings, say: Say) -> str:
    """Choose α on recorded frames; the command as typed."""
    return run_command(
        say, "sweep", settings.base, str(settings.finetuned), "--no-rollouts", "--target-data",
        str(settings.held_out_dataset), "--generalist-data", str(settings.old_dataset), "-o", str(settings.choice.path),
    )  # fmt: skip


def chosen(settings: DemoSettings) -> Chosen:
    """What `choose` has written."""
    told = json.loads(settings.choice.choice.read_text(encoding="utf-8"))
    return Chosen(Candidate.of(told["alpha"]), told["reason"])


def merge_export(settings: DemoSettings, alpha: list[str], say: Say) -> str:
    """Merge and export; the command as typed."""
    return run_command(
        say, "merge-export", settings.base, str(settings.finetuned), "--alpha", *alpha, "-o", str(settings.bundle)
    )
