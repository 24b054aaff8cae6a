"""Robots and cameras written in Python: two small classes to fill in, and the way to hand them to the loop."""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import TracebackType

import numpy as np
import numpy.typing as npt

from retain._core import devices as core
from retain.errors import DeviceError
from retain.runtime.device_thread import DeviceThread, Failure
from retain.runtime.driver_threads import CameraThread, RobotThread
from retain.runtime.loop import Devices
from retain.runtime.profile import CameraProfile, RobotProfile

CLOSE_PATIENCE_S = 2.0
"""How long to wait for a driver to come back before it is left behind."""


class PythonRobot(ABC):
    """An arm driven from Python. All methods are called on one thread, one after the other.

    They may take their time, allocate, block and raise: the loop's tick takes the newest state and leaves the newest
    command in a slot. What they must not do is give old news a new time.

    Args:
        profile: Names, units and limits of the channels. Cameras are added by `open_python_devices`.
        rate_hz: Cycles of read and write per second; None where read() itself waits for the robot's next cycle.
    """

    def __init__(self, profile: RobotProfile, *, rate_hz: float | None = 100.0) -> None:
        self.profile = profile
        self.rate_hz = rate_hz

    def connect(self) -> None:  # noqa: B027 - optional
        """Open the device and let the arm hold where it stands. It must not move."""

    @abstractmethod
    def read(self) -> tuple[Sequence[float] | npt.NDArray[np.float64], float | None] | None:
        """The measured position of every channel in the profile's order and units, and when it was measured.

        The time is in seconds of `time.monotonic()`; None stands for the moment before this call. Return None instead
        of the pair if there is nothing new.
        """

    @abstractmethod
    def write(self, command: npt.NDArray[np.float64]) -> None:
        """Send a command, one value per channel. Called after read(), and only with commands that are new."""

    def drop(self) -> None:  # noqa: B027 - optional
        """Called once when the loop stops streaming for good; no command follows. Leave the arm to its own watchdog."""

    def disconnect(self) -> None:  # noqa: B027 - optional
        """Let go of the device. Called when the devices are closed, whatever happened before."""


class PythonCamera(ABC):
    """A camera driven from Python. All methods are called on one thread, one after the other.

    Args:
        role: As in the bundle's manifest: "front", "wrist".
        height: Of the frames, pixels.
        width: Of the frames, pixels.
        rate_hz: Calls of read() per second; None where read() itself waits for the next frame.
        noisy: Whether two pictures of one scene always differ, as a real sensor's do: then pictures that repeat mean a
            frozen camera. False for a drawn or simulated one.
    """

    def __init__(self, role: str, height: int, width: int, *, rate_hz: float | None = None, noisy: bool = True) -> None:
        self.role = role
        self.height = height
        self.width = width
        self.rate_hz = rate_hz
        self.noisy = noisy

    def connect(self) -> None:  # noqa: B027 - optional
        """Open the device."""

    @abstractmethod
    def read(self) -> tuple[npt.NDArray[np.uint8], float | None] | None:
        """The next frame, uint8[height, width, 3] in RGB, and when the sensor took it.

        The time is in seconds of `time.monotonic()`; None stands for the moment before this call. A frame that is not
        newer than the last is refused: that is how a frozen camera is noticed. Return None if there is nothing new.
        """

    def disconnect(self) -> None:  # noqa: B027 - optional
        """Let go of the device."""

    def trouble(self) -> str:
        """Why it has no frames at the moment, in a sentence for the report; empty if it has. Called on any thread."""
        return ""


@dataclass(frozen=True)
class PythonCameras:
    """Cameras whose drivers run in this process, beside an arm of any kind.

    Attributes:
        cameras: For the loop.
        threads: One per driver.
    """

    cameras: tuple[core.SlotCamera, ...] = ()
    threads: tuple[DeviceThread, ...] = ()

    def close(self) -> None:
        """Disconnect. A driver that does not come back is left behind."""
        for thread in self.threads:
            thread.close(CLOSE_PATIENCE_S)


@dataclass(frozen=True)
class PythonDevices(Devices):
    """Devices whose drivers run in this process. Close them, best by `with`.

    Attributes:
        threads: One per driver, the robot's first.
    """

    threads: tuple[DeviceThread, ...] = ()

    @property
    def failures(self) -> tuple[Failure, ...]:
        """What the drivers' own code raised, with tracebacks."""
        return tuple(thread.failure for thread in self.threads if thread.failure is not None)

    def trouble(self) -> str:
        """What went wrong in the drivers' own code, in a sentence; empty if nothing did."""
        return "; ".join(filter(None, (thread.trouble() for thread in self.threads)))

    def close(self) -> None:
        """Disconnect. A driver that does not come back is left behind; it cannot keep the process from ending."""
        for thread in self.threads:
            thread.close(CLOSE_PATIENCE_S)

    def __enter__(self) -> "PythonDevices":
        """The devices themselves: they are open already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close them."""
        self.close()


def open_python_devices(
    robot: PythonRobot, cameras: Sequence[PythonCamera] = (), *, start_timeout_s: float = 10.0
) -> PythonDevices:
    """Connect drivers written in Python, each on a thread of its own, and wait for a first reading of each.

    Args:
        robot: The arm.
        cameras: Its cameras.
        start_timeout_s: For the first reading of each.

    Raises:
        DeviceError: A driver raised, or gave nothing in time; whatever was open is closed again. Its own error is the
            cause (`__cause__`).
    """
    arm = core.SlotRobot([(channel.name, channel.unit) for channel in robot.profile.channels])
    eyes = tuple(core.SlotCamera(camera.role, camera.height, camera.width, camera.noisy) for camera in cameras)
    threads: tuple[DeviceThread, ...] = (
        RobotThread(robot, arm),
        *(CameraThread(camera, slot) for camera, slot in zip(cameras, eyes, strict=True)),
    )
    profiles = tuple(CameraProfile(camera.role, camera.height, camera.width) for camera in cameras)
    devices = PythonDevices(replace(robot.profile, cameras=profiles), arm, eyes, threads)
    _start(threads, start_timeout_s)
    return devices


def open_python_cameras(cameras: Sequence[PythonCamera], *, start_timeout_s: float = 10.0) -> PythonCameras:
    """Connect cameras written in Python for an arm that is not, and wait for a first frame of each.

    Args:
        cameras: The drivers.
        start_timeout_s: For the first frame of each.

    Raises:
        DeviceError: As `open_python_devices`.
    """
    eyes = tuple(core.SlotCamera(camera.role, camera.height, camera.width, camera.noisy) for camera in cameras)
    opened = PythonCameras(eyes, tuple(CameraThread(camera, slot) for camera, slot in zip(cameras, eyes, strict=True)))
    _start(opened.threads, start_timeout_s)
    return opened


def _start(threads: Sequence[DeviceThread], start_timeout_s: float) -> None:
    for thread in threads:
        thread.start()
    deadline_s = time.monotonic() + start_timeout_s
    try:
        for thread in threads:
            began = thread.wait(max(deadline_s - time.monotonic(), 0.0))
            if thread.failure is not None:
                raise DeviceError(str(thread.failure)) from thread.failure.error
            if not began:
                said = thread.trouble() or "its read() has nothing new"
                raise DeviceError(f"{thread.device} gave nothing within {start_timeout_s:g} s: {said}")
    except BaseException:
        for thread in threads:
            thread.close(CLOSE_PATIENCE_S)
        raise
