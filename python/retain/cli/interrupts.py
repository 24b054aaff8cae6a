"""Ctrl-C stays Ctrl-C, whatever a library makes of it."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def remembered() -> Iterator[Callable[[], bool]]:
    """Raise KeyboardInterrupt on SIGINT as Python does, and remember it.

    Where the interrupt falls into a conversion of ctypes or an extension's import, the library raises an error of its
    own instead: to the user that is still an interrupt, not a traceback. A command that handles SIGINT itself takes
    the signal over for that time; a caller who ignores SIGINT, or has a handler of his own, keeps it.

    Yields:
        Whether an interrupt has come.
    """
    came = False

    def remember(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True
        signal.default_int_handler(number, frame)

    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if ours:
        signal.signal(signal.SIGINT, remember)
    try:
        yield lambda: came
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
