"""What a video device of Linux says about itself: its name, and the modes that it offers.

Asked with the kernel's own calls (`linux/videodev2.h`), because FFmpeg takes the nearest mode without a word.
"""

import fcntl
import os
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from retain.errors import DeviceError

FORMATS = {"MJPG": "mjpeg", "YUYV": "yuyv422", "UYVY": "uyvy422", "NV12": "nv12"}
"""Pixel formats by their four letters, and FFmpeg's names for them; the first that offers a mode is taken. Compressed
comes first: two raw streams of 640 × 480 at 30 Hz are more than one USB 2 bus carries."""

_CAPTURE = 1
_CAPABILITY = struct.Struct("=16s32s32sIII12x")
_FORMAT = struct.Struct("=III32sI16x")
_SIZE = struct.Struct("=III6I8x")
_INTERVAL = struct.Struct("=IIIII6I8x")
_HAS_PICTURES, _HAS_STREAMS, _HAS_DEVICE_CAPABILITIES = 0x1, 0x04000000, 0x80000000
_MOST = 256
"""A driver that lists more than this goes round in circles."""


@dataclass(frozen=True)
class Mode:
    """One mode. Sizes and rates that are given as a range count by their ends.

    Attributes:
        format: Four letters, as in `FORMATS`.
        height: The least, pixels.
        width: The least, pixels.
        most: The greatest height and width; equal to the least where the mode is one size.
        fps: The least and the greatest rate, pictures per second; equal where the mode is one rate.
    """

    format: str
    height: int
    width: int
    most: tuple[int, int]
    fps: tuple[float, float]

    def offers(self, height: int, width: int, fps: int) -> bool:
        """Whether this is, or includes, that mode. Drivers round a rate's period to 100 ns."""
        sizes = self.height <= height <= self.most[0] and self.width <= width <= self.most[1]
        return sizes and self.fps[0] - 0.01 <= fps <= self.fps[1] + 0.01

    def __str__(self) -> str:
        """As `--camera-mode` takes it: 640x480@30."""
        sizes = f"{self.width}x{self.height}"
        if self.most != (self.height, self.width):
            sizes += f" to {self.most[1]}x{self.most[0]}"
        return f"{sizes}@{self.fps[1]:g}"


@dataclass(frozen=True)
class VideoDevice:
    """A device that sends pictures.

    Attributes:
        path: As it was given.
        name: Its maker's.
        modes: Those in formats that can be decoded; empty where the driver lists none.
    """

    path: Path
    name: str
    modes: tuple[Mode, ...]

    def format_for(self, height: int, width: int, fps: int) -> str:
        """FFmpeg's name of the pixel format that has this mode.

        Raises:
            DeviceError: None has; the message lists the modes.
        """
        found = [mode.format for mode in self.modes if mode.offers(height, width, fps)]
        if not found:
            offered = ", ".join(dict.fromkeys(map(str, self.modes))) or "none in a known pixel format"
            raise DeviceError(
                f"{self.path} ({self.name}) has no mode {width}x{height}@{fps}; it offers {offered}; choose one with"
                " --camera-mode"
            )
        return FORMATS[min(found, key=list(FORMATS).index)]


def video_device(path: Path) -> VideoDevice:
    """Ask a device what it is. It may be in use by somebody else: nothing is set, and nothing streams.

    Raises:
        DeviceError: There is no such device, it may not be opened, or it sends no pictures.
    """
    try:
        if not stat.S_ISCHR(path.stat().st_mode):
            raise DeviceError(f"{path} is no video device, but a file or folder; {_others(path)}")
        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise DeviceError(f"there is no video device {path}; {_others(path)}") from error
    except PermissionError as error:
        raise DeviceError(
            f"{path} may not be opened by this user; run: sudo usermod -aG video $USER, and log in again"
        ) from error
    except OSError as error:
        raise DeviceError(
            f"{path} cannot be opened: {error.strerror}; unplug the camera and plug it in again"
        ) from error
    try:
        return VideoDevice(path, _name(handle, path), tuple(_modes(handle)))
    finally:
        os.close(handle)


def video_devices() -> list[Path]:
    """The video devices of this computer, by number. A webcam has two, of which one sends pictures."""
    return sorted(Path("/dev").glob("video[0-9]*"), key=lambda path: (len(path.name), path.name))


def _others(path: Path) -> str:
    others = ", ".join(str(one) for one in video_devices() if one != path)
    return f"there are: {others}" if others else "this computer has no /dev/video*: plug the camera in"


def _name(handle: int, path: Path) -> str:
    buffer = bytearray(_CAPABILITY.size)
    try:
        fcntl.ioctl(handle, _call(0, _CAPABILITY.size, writes=False), buffer)
    except OSError as error:
        raise DeviceError(f"{path} is no video device ({error.strerror}); {_others(path)}") from error
    _, card, _, _, whole, own = _CAPABILITY.unpack(buffer)
    # A webcam's second node says the same of the whole camera, and of itself that it sends descriptions only.
    can = own if whole & _HAS_DEVICE_CAPABILITIES else whole
    if not (can & _HAS_PICTURES and can & _HAS_STREAMS):
        raise DeviceError(f"{path} ({_text(card)}) sends no pictures: a webcam has a second node; {_others(path)}")
    return _text(card)


def _modes(handle: int) -> Iterator[Mode]:
    for _, _, _, _, code in _listed(handle, 2, _FORMAT, (_CAPTURE,)):
        letters = struct.pack("=I", code).decode("ascii", "replace")
        if letters not in FORMATS:
            continue
        for _, _, kind, *size in _listed(handle, 74, _SIZE, (code,)):
            width, height = size[0], size[1]
            most = (height, width)
            if kind != 1:  # a range: from, to and step, for the width and then for the height
                width, height, most = size[0], size[3], (size[4], size[1])
            for _, _, _, _, how, *period in _listed(handle, 75, _INTERVAL, (code, width, height)):
                fastest = period[1] / max(period[0], 1)
                slowest = fastest if how == 1 else period[3] / max(period[2], 1)
                yield Mode(letters, height, width, most, (slowest, fastest))


def _listed(handle: int, number: int, layout: struct.Struct, given: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Every entry of one of the kernel's lists, which are asked for by index until EINVAL."""
    for index in range(_MOST):
        buffer = bytearray(layout.size)
        struct.pack_into(f"={1 + len(given)}I", buffer, 0, index, *given)
        try:
            fcntl.ioctl(handle, _call(number, layout.size), buffer)
        except OSError:
            return
        yield layout.unpack(buffer)
        if layout is _SIZE and layout.unpack(buffer)[2] != 1:
            return  # a range is the only entry


def _call(number: int, size: int, *, writes: bool = True) -> int:
    """The kernel's _IOR and _IOWR for video devices."""
    return (3 if writes else 2) << 30 | size << 16 | ord("V") << 8 | number


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "replace")
