"""A command of the user's that judges a policy: its last line of output is a number."""

import shlex
import subprocess
from pathlib import Path
from typing import Protocol

from retain.errors import MergeError

POLICY = "{}"
SKILL = "{skill}"


class Scorer(Protocol):
    """Judges a policy directory, on one skill where the command asks for one; higher is better."""

    def __call__(self, policy: Path, skill: str | None = None) -> float:
        """The number."""


def scorer(command: str) -> Scorer:
    """What runs the command on a policy directory, and returns the number.

    Args:
        command: Words in which `{}` stands for the directory, and `{skill}`, if there, for the skill's instruction.

    Raises:
        MergeError: There is no `{}` in it.
    """
    words = shlex.split(command)
    if not any(POLICY in word for word in words):
        raise MergeError(f"--score {command}: expected a command with {{}} where the policy's directory goes")

    def score(policy: Path, skill: str | None = None) -> float:
        return _run([word.replace(SKILL, skill or "").replace(POLICY, str(policy)) for word in words])

    return score


def _run(command: list[str]) -> float:
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    except OSError as error:
        raise MergeError(f"the scoring command {command[0]} cannot be run: {error.strerror}") from error
    last = done.stdout.strip().rpartition("\n")[2]
    try:
        value = float(last)
    except ValueError:
        value = float("nan")
    if done.returncode != 0 or value != value:  # noqa: PLR0124
        raise MergeError(
            f"the scoring command ended with exit code {done.returncode} and the last line {last!r}; "
            "expected 0 and a number"
        )
    return value
