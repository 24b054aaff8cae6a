"""Runs a driver written by a user on a daemon thread of its own, and keeps what it raises.

The loop never waits for anything here. Between the two stands a slot in C++; a driver that raises, blocks or is slow
shows there as a state or a frame that grows old.
"""

import threading
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from retain.errors import DeviceError

T = TypeVar("T")

NOTHING_NEW_S = 0.001
"""How long to wait before asking a driver again that had nothing new."""
BLOCKED_S = 1.0
"""A call that takes longer is told about."""


@dataclass(frozen=True)
class Failure:
    """What a driver's own code raised.

    Attributes:
        device: The driver's class, and the role of a camera.
        method: Which of its methods.
        error: With its traceback.
    """

    device: str
    method: str
    error: BaseException

    def __str__(self) -> str:
        """One line: who, what, where."""
        frames = traceback.extract_tb(self.error.__traceback__)
        ours = isinstance(self.error, DeviceError)
        where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames and not ours else ""
        return f"{self.device}.{self.method}() raised {type(self.error).__name__}: {self.error}{where}"

    @property
    def traceback(self) -> str:
        """As Python prints it."""
        return "".join(traceback.format_exception(self.error))


class Slot(Protocol):
    """The C++ side, as far as the thread's end is concerned."""

    def end(self, reason: str) -> None:
        """The driver is gone, and why."""


class Driver(Protocol):
    """What robots and cameras have in common."""

    rate_hz: float | None

    def connect(self) -> None:
        """Open the device."""

    def disconnect(self) -> None:
        """Close it."""


class _RaisedError(Exception):
    """The driver raised; `DeviceThread.failure` has it."""


class DeviceThread(ABC):
    """One driver's thread: connect, cycle at the driver's rate until somebody ends it, disconnect.

    Attributes:
        device: What to call the driver.
        failure: The first thing that its code raised.
    """

    def __init__(self, device: str, driver: Driver, slot: Slot) -> None:
        self.device = device
        self.failure: Failure | None = None
        self._driver = driver
        self._slot = slot
        self._began = threading.Event()
        self._ending = threading.Event()
        self._calling: tuple[str, float] | None = None
        self._thread = threading.Thread(target=self._run, name=device, daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def wait(self, timeout_s: float) -> bool:
        """Until the first reading arrived or the driver failed. False if neither happened in time."""
        return self._began.wait(timeout_s)

    def close(self, patience_s: float) -> None:
        """End the cycles and disconnect. A driver that does not come back is left behind: nothing can interrupt it."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(patience_s)
        if self._thread.is_alive():
            self._slot.end(self.trouble() or f"{self.device} was left behind")
        else:
            self._slot.end("")

    @property
    def left_behind(self) -> bool:
        """Whether the driver did not come back when it was closed."""
        return self._ending.is_set() and self._thread.is_alive()

    def trouble(self) -> str:
        """What went wrong with this driver, in a sentence; empty if nothing did."""
        if self.failure is not None:
            return str(self.failure)
        if (calling := self._calling) is not None:
            method, since_s = calling
            if (blocked_s := time.monotonic() - since_s) > BLOCKED_S:
                return f"{self.device}.{method}() has not returned for {blocked_s:.1f} s"
        return ""

    def _run(self) -> None:
        try:
            self._call("connect", self._driver.connect)
        except _RaisedError:
            self._fail()
            return
        try:
            self._pace()
        except _RaisedError:
            self._fail()
        # Whoever opened the device also says when to let go of it: many drivers take the motors' torque away here.
        self._ending.wait()
        try:
            self._call("disconnect", self._driver.disconnect)
        except _RaisedError:
            self._fail()

    def _pace(self) -> None:
        due_s = time.monotonic()
        while not self._ending.is_set():
            if not self._cycle():
                return
            if self._driver.rate_hz is None:
                continue
            due_s = max(due_s + 1.0 / self._driver.rate_hz, time.monotonic())
            self._ending.wait(max(due_s - time.monotonic(), 0.0))

    @abstractmethod
    def _cycle(self) -> bool:
        """One reading, and what follows from it. False ends the cycles."""

    def _call(self, method: str, function: Callable[[], T]) -> T:
        self._calling = (method, time.monotonic())
        try:
            return function()
        except BaseException as error:
            # Whatever a user's code raises, SystemExit included, ends this thread and nothing else.
            self.failure = self.failure or Failure(self.device, method, error)
            raise _RaisedError from error
        finally:
            self._calling = None

    def _arrived(self) -> None:
        self._began.set()

    def _nothing_new(self) -> None:
        self._ending.wait(NOTHING_NEW_S)

    def _fail(self) -> None:
        self._slot.end(str(self.failure))
        self._began.set()
