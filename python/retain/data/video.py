"""mp4 in and out by PyAV: many episodes one after another in a file, any frame found by its number."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retain.data import layout
from retain.errors import DatasetError, require

PIXEL_FORMAT = "yuv420p"
Encoder = tuple[str, str, dict[str, str]]
"""Codec, PyAV's name of the encoder, its options."""

# A key frame every second frame, as LeRobot has it: any frame costs at most two decodes.
_KEY_FRAME_EVERY = 2
# Encoders by codec, best first, with the options that make them quick and free of frame reordering.
_ENCODERS = {
    "h264": [("libx264", {"crf": "18", "preset": "veryfast", "bf": "0"}), ("libopenh264", {"b": "8M"})],
    "av1": [("libsvtav1", {"crf": "30", "preset": "8"}), ("libaom-av1", {"crf": "30", "cpu-used": "6"})],
}
# Further than this to the next wanted frame, seeking beats decoding what lies between.
_SEEK_BEYOND_FRAMES = 16


def choose_encoder(codec: str | None) -> Encoder:
    """The (codec, encoder, options) to use; None takes h264 where PyAV ships an encoder for it, else av1.

    Raises:
        DatasetError: This PyAV has no encoder for it.
    """
    codecs = require("av.codec", "data")
    if codec is not None and codec not in _ENCODERS:
        raise DatasetError(f"video codec {codec!r} is not known; expected {' or '.join(_ENCODERS)}")
    for candidate in _ENCODERS if codec is None else [codec]:
        for encoder, options in _ENCODERS[candidate]:
            if encoder in codecs.codecs_available:
                # SVT-AV1 prints its configuration on stderr for every file unless told otherwise, here only.
                os.environ.setdefault("SVT_LOG", "1")
                return candidate, encoder, options
    raise DatasetError(
        f"this PyAV cannot encode {codec or 'h264 or av1'}; install its wheel from PyPI or use dtype image"
    )


class VideoFile:
    """An mp4 file being written.

    Attributes:
        frames: Added so far.
        bytes: Compressed so far; encoders hold some frames back.
    """

    def __init__(self, path: Path, fps: int, size: Sequence[int], encoder: Encoder) -> None:
        self._av = require("av", "data")
        path.parent.mkdir(parents=True, exist_ok=True)
        self.frames = 0
        self.bytes = 0
        self._container = self._av.open(str(path), "w")
        _, name, options = encoder
        options = {**options, "g": str(_KEY_FRAME_EVERY)}
        self._stream: Any = self._container.add_stream(name, rate=fps, options=options)
        self._stream.height, self._stream.width = size
        self._stream.pix_fmt = PIXEL_FORMAT
        self._stream.codec_context.time_base = Fraction(1, fps)

    def add(self, frames: NDArray[np.uint8]) -> None:
        """Append [T, H, W, 3] RGB frames."""
        for pixels in frames:
            frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.pts = self.frames
            self._mux(frame)
            self.frames += 1

    def close(self) -> None:
        """Flush the encoder and finish the file."""
        self._mux(None)
        self._container.close()

    def _mux(self, frame: Any) -> None:
        for packet in self._stream.encode(frame):
            self.bytes += packet.size
            self._container.mux(packet)


class VideoTrack:
    """One camera's videos in a dataset being written: episodes one after another, a new file when one is full.

    Args:
        directory: The dataset's.
        name: The camera's feature.
        fps: Frames per second.
        size: (H, W) [px].
        encoder: From `choose_encoder`.
        file_mb: A file that holds this much is followed by another [MiB].
    """

    def __init__(
        self, directory: Path, name: str, fps: int, size: Sequence[int], *, encoder: Encoder, file_mb: float
    ) -> None:
        self._directory, self._name, self._fps, self._size = directory, name, fps, size
        self._encoder, self._file_mb = encoder, file_mb
        self._file: VideoFile | None = None
        self._files = 0

    def add(self, frames: NDArray[np.uint8]) -> dict[str, Any]:
        """Append one episode, uint8 [T, H, W, 3]; returns where it is, in the columns of meta/episodes."""
        if self._file is not None and self._file.bytes > self._file_mb * (1 << 20):
            self.close()
        if self._file is None:
            chunk, number = layout.chunk_and_file(self._files)
            path = layout.VIDEO_PATH.format(video_key=self._name, chunk_index=chunk, file_index=number)
            self._file = VideoFile(self._directory / path, self._fps, self._size, self._encoder)
            self._files += 1
        start = self._file.frames
        self._file.add(frames)
        chunk, number = layout.chunk_and_file(self._files - 1)
        return {
            f"videos/{self._name}/chunk_index": chunk,
            f"videos/{self._name}/file_index": number,
            f"videos/{self._name}/from_timestamp": start / self._fps,
            f"videos/{self._name}/to_timestamp": self._file.frames / self._fps,
        }

    def close(self) -> None:
        """Finish the file at hand."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def info(self) -> dict[str, Any]:
        """What info.json says about the feature's videos."""
        height, width = self._size
        return {
            "video.height": height,
            "video.width": width,
            "video.codec": self._encoder[0],
            "video.pix_fmt": PIXEL_FORMAT,
            "video.is_depth_map": False,
            "video.fps": self._fps,
            "video.channels": 3,
            "has_audio": False,
        }


def read_frames(
    path: Path, numbers: Iterable[int], fps: float, out: NDArray[np.uint8], rows: NDArray[np.int64]
) -> None:
    """Decode frames of a video by number.

    Args:
        path: The mp4 file.
        numbers: Increasing frame numbers, counted from 0 at time 0.
        fps: Frames per second of the dataset.
        out: uint8 [N, H, W, 3]; frame `numbers[i]` goes to row `rows[i]`.
        rows: int64 [len(numbers)].

    Raises:
        DatasetError: The file is missing, cannot be decoded, has another picture size, or ends too early.
    """
    av = require("av", "data")
    if not path.is_file():
        raise DatasetError(f"{path} is missing; the dataset's info.json says it exists")
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            decoder = container.decode(stream)
            # One converter for all frames: a frame's own is set up anew each time, which takes longer than decoding.
            to_rgb = require("av.video.reformatter", "data").VideoReformatter()
            at = -1  # number of the frame decoded last
            frame: Any = None
            for number, row in zip(numbers, rows, strict=True):
                if number - at > _SEEK_BEYOND_FRAMES:
                    container.seek(int(number / fps / stream.time_base), stream=stream, backward=True)
                    decoder = container.decode(stream)
                while at < number:
                    frame = next(decoder, None)
                    if frame is None:
                        raise DatasetError(f"{path} ends before frame {number}; the file is truncated or was replaced")
                    at = round(float(frame.pts * stream.time_base) * fps)
                pixels = to_rgb.reformat(frame, format="rgb24").to_ndarray()
                if pixels.shape != out.shape[1:]:
                    raise DatasetError(f"{path} has {pixels.shape} frames; info.json says {out.shape[1:]}")
                out[row] = pixels
    except av.error.FFmpegError as error:
        raise DatasetError(f"{path} cannot be decoded ({error}); the file is truncated or not a video") from error


@dataclass(frozen=True)
class VideoFacts:
    """What a video file holds.

    Attributes:
        frames: Number of its frames.
        fps: Frames per second, by the times of its frames.
    """

    frames: int
    fps: float


def examine(path: Path, fps: float, shape: Sequence[int], wanted: NDArray[np.integer[Any]] | None = None) -> VideoFacts:
    """Read a video file packet by packet and decode some of its frames.

    Args:
        path: The mp4 file.
        fps: Frames per second of the dataset.
        shape: (H, W, 3) of its pictures.
        wanted: Increasing numbers of the frames to decode, those beyond the end left out; None decodes all.

    Raises:
        DatasetError: The file is missing, cannot be decoded, or has another picture size.
    """
    av = require("av", "data")
    if not path.is_file():
        raise DatasetError(f"{path} is missing; the dataset's info.json says it exists")
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            stream = container.streams.video[0]
            times = np.sort([float(p.pts * stream.time_base) for p in container.demux(stream) if p.pts is not None])
    except (av.error.FFmpegError, IndexError) as error:
        raise DatasetError(f"{path} cannot be decoded ({error}); the file is truncated or not a video") from error
    # Numbered like the dataset's frames, by time: a file at another rate is told by its rate, not by its last frame.
    found = VideoFacts(len(times), float(1 / np.median(np.diff(times))) if len(times) > 1 else fps)
    numbers = np.rint(times * fps).astype(np.int64)
    chosen = numbers if wanted is None else np.intersect1d(wanted, numbers)
    picture = np.empty((1, *shape), np.uint8)
    read_frames(path, chosen.tolist(), fps, picture, np.zeros(len(chosen), np.int64))
    return found
