"""What any robot or camera written in Python must keep to, as checks to put yours through before the loop does."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from retain.errors import DeviceError
from retain.runtime.driver_threads import FUTURE_S
from retain.runtime.python_devices import PythonCamera, PythonRobot

Reading = TypeVar("Reading")


def check_robot(robot: PythonRobot, *, readings: int = 20, patience_s: float = 10.0) -> None:
    """Connect twice, read, tell the arm to stay where it stands, drop it, disconnect. Nothing moves.

    Args:
        robot: Not connected.
        readings: To look at, per connection.
        patience_s: For each of them.

    Raises:
        DeviceError: Lists every promise that was broken.
        Exception: What the driver's own code raised, as it raised it.
    """
    broken = list(_profile_problems(robot))
    for _ in range(2):
        robot.connect()
        try:
            times: list[float | None] = []
            for _ in range(readings):
                positions, time_s = _next(robot.read, patience_s, f"{type(robot).__name__}.read()")
                broken.extend(_position_problems(robot, positions))
                times.append(time_s)
                broken.extend(_future(time_s))
                if not broken:
                    robot.write(np.asarray(positions, np.float64))
                _wait(robot.rate_hz)
            broken.extend(_order(times))
            robot.drop()
        finally:
            robot.disconnect()
    _tell(type(robot).__name__, broken)


def check_camera(camera: PythonCamera, *, readings: int = 10, patience_s: float = 10.0) -> None:
    """Connect twice and look at some frames each time.

    Args:
        camera: Not connected.
        readings: To look at, per connection.
        patience_s: For each of them.

    Raises:
        DeviceError: Lists every promise that was broken.
        Exception: What the driver's own code raised, as it raised it.
    """
    broken: list[str] = []
    shape = (camera.height, camera.width, 3)
    for _ in range(2):
        camera.connect()
        try:
            times: list[float | None] = []
            for _ in range(readings):
                frame, time_s = _next(camera.read, patience_s, f"{type(camera).__name__}.read()")
                if frame.dtype != np.uint8 or frame.shape != shape:
                    broken.append(f"a frame is {frame.dtype}{list(frame.shape)} and should be uint8{list(shape)}")
                times.append(time_s)
                broken.extend(_future(time_s))
                _wait(camera.rate_hz)
            broken.extend(_order(times))
        finally:
            camera.disconnect()
    _tell(f"{type(camera).__name__} {camera.role}", broken)


def _profile_problems(robot: PythonRobot) -> Iterable[str]:
    names = [channel.name for channel in robot.profile.channels]
    if not names:
        yield "the profile has no channel"
    if len(set(names)) != len(names):
        yield "two channels of the profile have one name"
    for channel in robot.profile.channels:
        if not channel.position_min < channel.position_max:
            yield f"channel {channel.name}: position_min is not below position_max"
        if channel.interpolation == "linear" and min(channel.velocity, channel.acceleration, channel.jerk) <= 0:
            yield f"channel {channel.name}: velocity, acceleration and jerk must be above 0"


def _position_problems(robot: PythonRobot, positions: Sequence[float] | npt.NDArray[np.float64]) -> Iterable[str]:
    values = np.asarray(positions, np.float64)
    channels = robot.profile.channels
    if values.shape != (len(channels),):
        yield f"positions have shape {values.shape} and should have ({len(channels)},)"
        return
    for channel, value in zip(channels, values, strict=True):
        if not math.isfinite(value):
            yield f"channel {channel.name} is {value}"
        elif not channel.position_min <= value <= channel.position_max:
            yield (
                f"channel {channel.name} stands at {value:g} {channel.unit}, outside its limits"
                f" {channel.position_min:g} to {channel.position_max:g}: is the unit right?"
            )


def _future(time_s: float | None) -> Iterable[str]:
    if time_s is not None and time_s > time.monotonic() + FUTURE_S:
        yield f"a reading's time {time_s:.3f} s is in the future of time.monotonic(): is it time.time()?"


def _order(times: Sequence[float | None]) -> Iterable[str]:
    """A reading may be repeated, with its old time; what may not be is a time that goes back, or never forward."""
    known = [time_s for time_s in times if time_s is not None]
    if any(later < earlier for earlier, later in pairwise(known)):
        yield "the readings' times went back"
    elif len(known) > 1 and known[-1] == known[0]:
        yield "the readings' time stood still"


def _next(read: Callable[[], Reading | None], patience_s: float, what: str) -> Reading:
    deadline_s = time.monotonic() + patience_s
    while time.monotonic() < deadline_s:
        reading = read()
        if reading is not None:
            return reading
        time.sleep(0.001)
    raise DeviceError(f"{what} had nothing new within {patience_s:g} s")


def _wait(rate_hz: float | None) -> None:
    if rate_hz is not None:
        time.sleep(1.0 / rate_hz)


def _tell(device: str, broken: Sequence[str]) -> None:
    if broken:
        raise DeviceError(f"{device} breaks its contract: " + "; ".join(dict.fromkeys(broken)))
