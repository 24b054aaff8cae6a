"""An arm of two joints and a camera as a user would write them in Python, with faults that tests can switch on."""

import threading
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from retain.runtime import ChannelProfile, PythonCamera, PythonRobot, RobotProfile

JOINTS = ("shoulder", "elbow")


def two_joints(following_error: float = 1.0) -> RobotProfile:
    return RobotProfile(
        "two-joint",
        tuple(
            ChannelProfile(
                name,
                "rad",
                "linear",
                -2.0,
                2.0,
                velocity=1.5,
                acceleration=20.0,
                jerk=400.0,
                following_error=following_error,
            )
            for name in JOINTS
        ),
    )


class Arm(PythonRobot):
    """Stands where it was told to, one cycle later."""

    def __init__(
        self, *, rate_hz: float | None = 100.0, before_read: Callable[[int], None] = lambda cycle: None
    ) -> None:
        super().__init__(two_joints(), rate_hz=rate_hz)
        self.position = np.array([0.1, -0.2])
        self.before_read = before_read
        self.reads = 0
        self.calls: list[str] = []
        self.threads: set[int] = set()

    def note(self, method: str) -> None:
        self.threads.add(threading.get_ident())
        if not self.calls or self.calls[-1] != method:
            self.calls.append(method)

    def connect(self) -> None:
        self.note("connect")

    def read(self) -> tuple[npt.NDArray[np.float64], float | None]:
        self.note("read")
        self.reads += 1
        self.before_read(self.reads)
        return self.position.copy(), time.monotonic()

    def write(self, command: npt.NDArray[np.float64]) -> None:
        self.note("write")
        self.position = command

    def drop(self) -> None:
        self.note("drop")

    def disconnect(self) -> None:
        self.note("disconnect")


class Eye(PythonCamera):
    """A grey picture that gets brighter."""

    def __init__(
        self, *, rate_hz: float | None = 50.0, before_read: Callable[[int], None] = lambda frame: None
    ) -> None:
        super().__init__("front", 64, 64, rate_hz=rate_hz)
        self.before_read = before_read
        self.reads = 0

    def read(self) -> tuple[npt.NDArray[np.uint8], float | None]:
        self.reads += 1
        self.before_read(self.reads)
        return np.full((64, 64, 3), self.reads % 256, np.uint8), time.monotonic()
