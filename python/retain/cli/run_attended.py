"""The person at the terminal: sees how the run goes, and after a fault re-arms it or ends it."""

import os
import select
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from retain.cli import console
from retain.errors import ConfigError

if TYPE_CHECKING:
    from rich.status import Status as Line

    from retain.runtime import Answer, Operator, Status

NOT_AT_REST = ("operator_drop", "robot_silent", "robot_rejected", "robot_stopped")
"""Causes after which nothing is streamed any more: there is nothing to re-arm, and the loop ends by itself."""

PATIENCE_S = 0.5
"""Re-arming shows within a few ticks, if it is going to."""


@contextmanager
def at_terminal(*, attended: bool) -> Iterator["Operator"]:
    """The operator for `run_bundle`, with a line on the terminal that says how the run goes.

    Args:
        attended: Ask after a fault.

    Raises:
        ConfigError: Nobody can be asked.
    """
    if not console.stderr.is_terminal:
        person = _Person(None)
        yield person.attend if attended else _nobody
        return
    with console.stderr.status("warming up") as line:
        person = _Person(line)
        yield person.attend if attended else person.look


def check_terminal() -> None:
    """Refuse to wait for a person who cannot answer.

    Raises:
        ConfigError: Standard input is no terminal.
    """
    if not sys.stdin.isatty():
        raise ConfigError(
            "an attended run waits for a person's Enter after a fault, and standard input is no terminal; run it in"
            " one, or give --no-attended"
        )


def _nobody(_: "Status") -> None:
    return None


class _Person:
    def __init__(self, line: "Line | None") -> None:
        self._line = line
        self._waiting = False
        self._asked_s: float | None = None

    def look(self, status: "Status") -> None:
        """Say on the line how the run goes."""
        if self._line is not None:
            self._line.update(f"{status.running_s:5.1f} s   {status.chunks} chunks   {status.ticks} ticks")

    def attend(self, status: "Status") -> "Answer | None":
        """In a fault tell its cause, once, and pass the person's answer on."""
        if status.state != "fault" or status.cause in NOT_AT_REST:
            if self._waiting and status.state != "fault":
                console.stderr_line("re-armed")
            self._waiting, self._asked_s = False, None
            self.look(status)
            return None
        if not self._waiting:
            self._waiting = True
            # An Enter from before the fault is no answer to it.
            termios.tcflush(sys.stdin, termios.TCIFLUSH)
            console.stderr_line(f"fault: {status.cause.replace('_', ' ')}. The arm is at rest and holds.")
            self._ask()
        if self._asked_s is not None and time.monotonic() - self._asked_s > PATIENCE_S:
            self._asked_s = None
            console.stderr_line(f"not re-armed: {status.cause.replace('_', ' ')}, still.")
            self._ask()
        return self._answer()

    def _ask(self) -> None:
        console.stderr_line("Enter re-arms, Ctrl-C ends.")
        if self._line is not None:
            self._line.update("waiting for you")

    def _answer(self) -> "Answer | None":
        if not select.select([sys.stdin], [], [], 0)[0]:
            return None
        if not os.read(sys.stdin.fileno(), 4096):
            return "stop"  # The terminal is gone, and the person with it.
        self._asked_s = time.monotonic()
        return "rearm"
