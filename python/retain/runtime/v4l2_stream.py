"""Pictures of a video device of Linux, with the driver's own times: FFmpeg reads and decodes, through PyAV."""

import errno
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from retain.errors import DeviceError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.error import FFmpegError
    from av.packet import Packet
    from av.video.stream import VideoStream

OPEN_S = 5.0
"""For the first picture; UVC cameras take up to some 1.5 s."""
OLDEST_S = 2.0
"""A time stamp that is further back is of another clock: four buffers at 2 Hz are not older."""
MOST_BUFFERS = 32
"""The kernel's bound on a device's buffers (VIDEO_MAX_FRAME)."""

_SILENT = f"sent no picture within {OPEN_S:g} s; plug it in again, or into another port"


class V4l2Stream:
    """An open video device. Close it: it streams, and nobody else may.

    Args:
        path: Of the device.
        mode: Height and width, pixels.
        fps: Pictures per second.
        pixel_format: FFmpeg's name of the pixel format, from `VideoDevice.format_for`.

    Raises:
        DeviceError: It is in use or gone, sends nothing, or another size.
    """

    def __init__(self, path: Path, mode: tuple[int, int], fps: int, pixel_format: str) -> None:
        import av

        height, width = mode
        options = {
            "video_size": f"{width}x{height}",
            "framerate": str(fps),
            "input_format": pixel_format,
            # Reading must not wait in the kernel: a camera whose firmware hangs would keep its thread for ever.
            "fflags": "+4",  # AVFMT_FLAG_NONBLOCK, which has no name among the flags
        }
        self._path = path
        began_s = time.monotonic()
        try:
            self._container: InputContainer = av.open(str(path), format="v4l2", options=options, timeout=(OPEN_S, None))
        except av.error.FFmpegError as error:
            raise DeviceError(f"{path} {_meant(error)}") from error
        if time.monotonic() - began_s >= OPEN_S:  # FFmpeg gave up waiting, and says nothing of it
            self.close()
            raise DeviceError(f"{path} {_SILENT}")
        context = self._container.streams.video[0].codec_context
        if (context.height, context.width) != mode:
            sent = f"{context.width}x{context.height}"
            self.close()
            raise DeviceError(f"{path} sends {sent} although it offers {width}x{height}")
        context.thread_count = 1  # more threads hold pictures back

    def newest(self) -> tuple[npt.NDArray[np.uint8], float] | None:
        """The last picture that waits in the driver's buffers, uint8[height, width, 3] in RGB, and its time.

        The time is the driver's, s of CLOCK_MONOTONIC, or the arrival's where the driver's is of another clock. None if
        there is nothing new, or if the picture was damaged on the wire. Does not wait.

        Raises:
            DeviceError: The device is gone or fails.
        """
        import av

        packet = self._last_packet()
        if packet is None:
            return None
        now_s = time.monotonic()
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            return None
        if not frames:
            return None
        return np.asarray(frames[-1].to_ndarray(format="rgb24"), np.uint8), _time_s(packet, now_s)

    def close(self) -> None:
        """Let go of the device. Packets lie in its buffers, and none may be left."""
        self._container.close()

    def _last_packet(self) -> "Packet[VideoStream] | None":
        from av.error import FFmpegError

        last: list[Packet[VideoStream]] = []
        try:
            for _ in range(MOST_BUFFERS):  # older pictures are not worth their decoding
                self._take(last)
        except BlockingIOError:
            pass  # no buffer waits
        except FFmpegError as error:
            last.clear()  # the error's traceback would keep it beyond close()
            raise DeviceError(f"{self._path} {_meant(error)}") from error
        return last[0] if last else None

    def _take(self, last: "list[Packet[VideoStream]]") -> None:
        packet = next(self._container.demux(video=0))
        if packet.size > 0:  # what the driver flagged as damaged is empty
            last[:] = [packet]


def _time_s(packet: "Packet[VideoStream]", now_s: float) -> float:
    # FFmpeg passes the kernel's time stamp on as it is, µs, and the kernel's are of CLOCK_MONOTONIC for every driver
    # that says so; one that stamps by the wall clock, or by none, is not believed.
    stamped_s = float(packet.pts * packet.time_base) if packet.pts is not None else 0.0
    return stamped_s if now_s - OLDEST_S <= stamped_s <= now_s else now_s


def _meant(error: "FFmpegError") -> str:
    """What the kernel's answer means for a camera."""
    from av.error import ExitError

    if isinstance(error, ExitError):
        return _SILENT
    if error.errno == errno.EBUSY:
        return "is in use by another program; end that one (sudo fuser -v /dev/video*)"
    if error.errno in (errno.ENODEV, errno.ENOENT, errno.ENXIO, errno.EIO):
        return "is gone; plug the camera in again"
    if error.errno == errno.ENOSPC:
        return "finds no room on its USB bus; plug it into another one, or choose a smaller mode with --camera-mode"
    return f"cannot be read: {error}"
