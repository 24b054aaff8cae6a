"""The threads of robots and cameras written in Python: from what a driver's methods return into the loop's slots."""

import time
from typing import TYPE_CHECKING

import numpy as np

from retain._core import devices as core
from retain.errors import DeviceError
from retain.runtime.device_thread import DeviceThread

if TYPE_CHECKING:
    from retain.runtime.python_devices import PythonCamera, PythonRobot

FUTURE_S = 0.05
"""A time stamp further ahead is of another clock."""


class RobotThread(DeviceThread):
    """Reads an arm into its slot, and writes what the loop left there."""

    def __init__(self, robot: "PythonRobot", slot: core.SlotRobot) -> None:
        super().__init__(type(robot).__name__, robot, slot)
        self._robot = robot
        self._arm = slot
        self._channels = len(robot.profile.channels)

    def _cycle(self) -> bool:
        if self._arm.dropped:
            self._call("drop", self._robot.drop)
            return False
        if self._call("read", self._push):
            self._arrived()
        else:
            self._nothing_new()
        command = self._arm.take_command()
        if command is not None:
            self._call("write", lambda: self._robot.write(command))
        return True

    def _push(self) -> bool:
        before_s = time.monotonic()
        reading = self._robot.read()
        if reading is None:
            return False
        positions = np.asarray(reading[0], np.float64)
        if positions.shape != (self._channels,):
            raise DeviceError(f"read() gave positions of shape {positions.shape}; expected ({self._channels},)")
        return self._arm.push_state(_nanoseconds(reading[1], before_s), positions)


class CameraThread(DeviceThread):
    """Reads a camera into its slot."""

    def __init__(self, camera: "PythonCamera", slot: core.SlotCamera) -> None:
        super().__init__(f"{type(camera).__name__} {camera.role}", camera, slot)
        self._camera = camera
        self._eye = slot
        self._shape = (camera.height, camera.width, 3)

    def trouble(self) -> str:
        """What the camera's own code raised or says, in a sentence."""
        said = self._camera.trouble() if self.failure is None else ""
        return said or super().trouble()

    def _cycle(self) -> bool:
        if self._call("read", self._push):
            self._arrived()
        else:
            self._nothing_new()
        return True

    def _push(self) -> bool:
        before_s = time.monotonic()
        reading = self._camera.read()
        if reading is None:
            return False
        frame, time_s = np.asarray(reading[0]), reading[1]
        if frame.dtype != np.uint8 or frame.shape != self._shape:
            raise DeviceError(
                f"read() gave a frame {frame.dtype}{list(frame.shape)}; expected uint8{list(self._shape)}"
            )
        return self._eye.push(_nanoseconds(time_s, before_s), np.ascontiguousarray(frame))


def _nanoseconds(time_s: float | None, before_s: float) -> int:
    """A reading's time for the slot, which counts nanoseconds of CLOCK_MONOTONIC."""
    if time_s is None:
        return round(before_s * 1e9)
    if (ahead_s := time_s - time.monotonic()) > FUTURE_S:
        raise DeviceError(
            f"read() gave the time {time_s:.3f} s, which is {ahead_s:.3f} s from now;"
            " expected seconds of time.monotonic(), not of time.time()"
        )
    return round(time_s * 1e9)
