"""Any LeRobot `Robot` as devices for the loop, by its four methods and two dictionaries; lerobot is not imported.

LeRobot measures in units of its own (degrees, or -100 to 100 of the calibrated range) and gives no times. The units are
for the caller to say; as time counts the moment before `get_observation()`, although a camera's frame may be older.
"""

import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from retain.errors import DeviceError
from retain.runtime.profile import ChannelProfile, RobotProfile
from retain.runtime.python_devices import PythonCamera, PythonRobot

RAD_PER_DEGREE = math.pi / 180.0
FRAME_PATIENCE_S = 0.1


class LeRobotRobot(Protocol):
    """What is used of `lerobot.robots.Robot`."""

    name: str

    @property
    def observation_features(self) -> Mapping[str, Any]:
        """{"shoulder_pan.pos": float, "front": (480, 640, 3)}."""

    @property
    def action_features(self) -> Mapping[str, Any]:
        """{"shoulder_pan.pos": float}."""

    def connect(self, calibrate: bool = True) -> None:
        """Open it."""

    def get_observation(self) -> Mapping[str, Any]:
        """Values by the keys of `observation_features`."""

    def send_action(self, action: dict[str, Any]) -> Any:
        """Values by the keys of `action_features`."""

    def disconnect(self) -> None:
        """Close it. Many robots take the motors' torque away here: see `disable_torque_on_disconnect`."""


@dataclass(frozen=True)
class LeRobotChannel:
    """One of the robot's keys, and what it is in SI.

    Attributes:
        key: As in `action_features`, e.g. "shoulder_pan.pos".
        profile: Name, unit and limits; the name is the policy's.
        scale: Of the profile's unit per LeRobot's: π/180 where LeRobot says degrees and the profile rad.
        offset: Added after scaling, in the profile's unit.
    """

    key: str
    profile: ChannelProfile
    scale: float = RAD_PER_DEGREE
    offset: float = 0.0


def lerobot_robot(
    robot: LeRobotRobot, channels: Sequence[LeRobotChannel], *, rate_hz: float = 30.0
) -> tuple[PythonRobot, tuple[PythonCamera, ...]]:
    """Wrap a LeRobot robot, to be handed to `open_python_devices`.

    Args:
        robot: Not connected, and calibrated: nobody could answer its questions on the device's thread.
        channels: One for every key of `action_features`.
        rate_hz: Observations and actions per second.

    Returns:
        The arm, and one camera for every entry of `observation_features` that is a picture, under its own key.

    Raises:
        DeviceError: The channels are not the robot's.
    """
    found, given = set(robot.action_features), [channel.key for channel in channels]
    if found != set(given) or len(set(given)) != len(given):
        raise DeviceError(
            f"the robot {robot.name} takes actions {sorted(found)} and the channels given are {sorted(given)}"
        )
    missing = [key for key in given if key not in robot.observation_features]
    if missing:
        raise DeviceError(f"the robot {robot.name} takes actions {missing} and does not measure them")
    mailboxes = {
        key: _Mailbox()
        for key, shape in robot.observation_features.items()
        if isinstance(shape, tuple) and len(shape) == 3
    }
    cameras = tuple(_Eye(key, robot.observation_features[key][:2], mailbox) for key, mailbox in mailboxes.items())
    return _Arm(robot, tuple(channels), mailboxes, rate_hz), cameras


class _Mailbox:
    """The newest frame, from the arm's thread to a camera's."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._frame: npt.NDArray[np.uint8] | None = None
        self._time_s = 0.0
        self._last: object = None

    def put(self, frame: npt.NDArray[np.uint8], time_s: float) -> None:
        with self._changed:
            # Cameras that hand out their latest frame hand out the same array while there is no newer one.
            if frame is self._last:
                return
            self._last = self._frame = frame
            self._time_s = time_s
            self._changed.notify()

    def take(self) -> tuple[npt.NDArray[np.uint8], float] | None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._frame is not None, FRAME_PATIENCE_S):
                return None
            frame, self._frame = self._frame, None
            return None if frame is None else (frame, self._time_s)


class _Arm(PythonRobot):
    def __init__(
        self,
        robot: LeRobotRobot,
        channels: tuple[LeRobotChannel, ...],
        mailboxes: Mapping[str, _Mailbox],
        rate_hz: float,
    ) -> None:
        super().__init__(RobotProfile(robot.name, tuple(channel.profile for channel in channels)), rate_hz=rate_hz)
        self._robot = robot
        self._keys = tuple(channel.key for channel in channels)
        self._scale = np.array([channel.scale for channel in channels])
        self._offset = np.array([channel.offset for channel in channels])
        self._mailboxes = mailboxes

    def connect(self) -> None:
        self._robot.connect(calibrate=False)

    def read(self) -> tuple[npt.NDArray[np.float64], float]:
        time_s = time.monotonic()
        observation = self._robot.get_observation()
        for key, mailbox in self._mailboxes.items():
            mailbox.put(observation[key], time_s)
        measured = np.array([float(observation[key]) for key in self._keys])
        return self._offset + self._scale * measured, time_s

    def write(self, command: npt.NDArray[np.float64]) -> None:
        values = (command - self._offset) / self._scale
        self._robot.send_action({key: float(value) for key, value in zip(self._keys, values, strict=True)})

    def disconnect(self) -> None:
        self._robot.disconnect()


class _Eye(PythonCamera):
    def __init__(self, key: str, size: tuple[int, int], mailbox: _Mailbox) -> None:
        super().__init__(key, *size)
        self._mailbox = mailbox

    def read(self) -> tuple[npt.NDArray[np.uint8], float] | None:
        return self._mailbox.take()
