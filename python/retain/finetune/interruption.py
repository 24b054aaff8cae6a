"""Ctrl-C and SIGTERM as a question, so that no step is cut in half."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruption(*, patient: bool = False) -> Iterator[Callable[[], bool]]:
    """Yields whether somebody asked to stop; a second Ctrl-C stops at once.

    SIGTERM is what schedulers send before they take a machine away, and launchers after Ctrl-C to what they launched.

    Args:
        patient: A second Ctrl-C is nothing new: a launcher hands on what the terminal has sent to all already.
    """
    asked = False

    def ask(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked and number == signal.SIGINT and not patient:
            raise KeyboardInterrupt
        asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
