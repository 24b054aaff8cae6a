"""Runs the product's own commands, saying each first as a user would type it."""

import shlex
import subprocess
import sys
from collections.abc import Callable

from retain.errors import RetainError

Say = Callable[[str], None]


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
