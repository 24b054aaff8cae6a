"""USB webcams for the control loop: the mode, the policy's frames, silence and cameras that come back. Extra `data`."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from retain._core.devices import SquareCrop
from retain.errors import ConfigError, DeviceError
from retain.runtime.profile import CameraProfile
from retain.runtime.python_devices import PythonCamera, PythonCameras, open_python_cameras
from retain.runtime.v4l2 import video_device
from retain.runtime.v4l2_stream import V4l2Stream

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
"""Between tries to open a camera again; each is twice as long as the last."""


@dataclass(frozen=True)
class WebcamSettings:
    """How the cameras send.

    Attributes:
        mode: Height and width of the camera's own mode, pixels; None takes the frames' size. Frames of another size are
            the mode's central square, made smaller by averaging areas.
        fps: Pictures per second of the mode.
        warm_up_frames: Thrown away after opening, while the exposure settles.
        timeout_s: Of silence, until the camera is closed and opened again.
    """

    mode: tuple[int, int] | None = None
    fps: int = 30
    warm_up_frames: int = 15
    timeout_s: float = 2.0


class Webcam(PythonCamera):
    """One webcam. It is opened again with growing pauses when it is lost; what is wrong is in `trouble()`.

    Args:
        role: As in the bundle's manifest.
        path: Of the device: `/dev/video0`, or better a name that stays, from `/dev/v4l/by-id/`.
        height: Of the frames, pixels.
        width: Of the frames, pixels.
        settings: How it sends.

    Raises:
        ConfigError: The sizes contradict each other.
        DeviceError: The device is not there, may not be opened, sends no pictures, or lacks the mode.
    """

    def __init__(self, role: str, path: Path, height: int, width: int, settings: WebcamSettings) -> None:
        super().__init__(role, height, width)
        self.path = path
        self._settings = settings
        self._mode = settings.mode or (height, width)
        cropped = self._mode != (height, width)
        if cropped and height != width:
            raise ConfigError(
                f"camera {role} sends {self._mode[1]}x{self._mode[0]} and the policy sees {width}x{height}; only a"
                " square is cut out and made smaller: choose another mode with --camera-mode"
            )
        self._crop = SquareCrop(*self._mode, height) if cropped else None
        self._format = video_device(path).format_for(*self._mode, settings.fps)
        self._stream: V4l2Stream | None = None
        self._skip = 0
        self._heard_s = 0.0
        self._retry_s = 0.0
        self._pause_s = FIRST_PAUSE_S
        self._trouble = ""

    def connect(self) -> None:
        """Open it and begin to stream.

        Raises:
            DeviceError: It is in use, or gone.
        """
        try:
            self._stream = V4l2Stream(self.path, self._mode, self._settings.fps, self._format)
        except DeviceError as error:
            raise DeviceError(f"camera {self.role}: {error}") from error
        self._skip = self._settings.warm_up_frames
        self._heard_s = time.monotonic()

    def read(self) -> tuple[npt.NDArray[np.uint8], float | None] | None:
        """The newest picture and the driver's own time of it; None while there is none."""
        if self._stream is None:
            self._try_again()
            return None
        try:
            taken = self._stream.newest()
        except DeviceError as error:
            self._lose(f"camera {self.role}: {error}")
            return None
        if taken is None:
            if time.monotonic() - self._heard_s > self._settings.timeout_s:
                self._lose(f"camera {self.role}: {self.path} sent no picture for {self._settings.timeout_s:g} s")
            return None
        self._heard_s = time.monotonic()
        if self._skip > 0:
            self._skip -= 1
            return None
        self._pause_s, self._trouble = FIRST_PAUSE_S, ""
        picture, time_s = taken
        return (picture if self._crop is None else self._crop(picture)), time_s

    def disconnect(self) -> None:
        """Close it."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def trouble(self) -> str:
        """Why there is no picture now; empty if there is one."""
        return self._trouble

    def _try_again(self) -> None:
        if time.monotonic() < self._retry_s:
            return
        try:
            self.connect()
        except DeviceError as error:
            self._lose(str(error))

    def _lose(self, why: str) -> None:
        self.disconnect()
        self._trouble = why
        self._retry_s = time.monotonic() + self._pause_s
        self._pause_s = min(2.0 * self._pause_s, LONGEST_PAUSE_S)


def open_webcams(
    sources: Mapping[str, Path],
    frames: Sequence[CameraProfile],
    settings: WebcamSettings | None = None,
) -> PythonCameras:
    """Open the webcam for each role, and wait for a first picture of each.

    Args:
        sources: The device of each role.
        frames: Role, height and width of each camera's frames, as the bundle's manifest has them.
        settings: How they send; None takes the defaults.

    Returns:
        One camera per entry of `frames`, in that order. Close them.

    Raises:
        ConfigError: A camera has two roles, or the sizes contradict each other.
        DeviceError: PyAV is missing; or a device is not there, may not be opened, is in use, sends no pictures, or has
            no such mode (the message lists those that it has).
    """
    try:
        import av  # noqa: F401
    except ImportError as error:
        raise DeviceError(
            "webcams are read by PyAV, which is not installed; run: pip install 'retain-vla[data]'"
        ) from error
    roles: dict[Path, str] = {}
    for profile in frames:
        real = sources[profile.role].resolve()
        if real in roles:
            raise ConfigError(
                f"{sources[profile.role]} has two roles, {roles[real]} and {profile.role}; give each role a camera of"
                " its own"
            )
        roles[real] = profile.role
    settings = settings or WebcamSettings()
    cameras = [Webcam(one.role, sources[one.role], one.height, one.width, settings) for one in frames]
    try:
        return open_python_cameras(cameras)
    except DeviceError as error:
        cause = error.__cause__
        raise (cause if isinstance(cause, DeviceError) else error) from None
