"""PNG in and out, many frames at a time on several threads (Pillow lets go of the interpreter while it deflates)."""

import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from retain.errors import DatasetError, require

_GROUP = 64
# Level 1 is within 20 % of level 9's size on camera pictures and twice as fast.
_PNG_LEVEL = 1


def encode(frames: NDArray[np.uint8]) -> list[bytes]:
    """[T, H, W, 3] frames as T PNG files."""
    image = require("PIL.Image", "data")

    def group(start: int) -> list[bytes]:
        files = []
        for frame in frames[start : start + _GROUP]:
            buffer = io.BytesIO()
            image.fromarray(frame).save(buffer, "PNG", compress_level=_PNG_LEVEL)
            files.append(buffer.getvalue())
        return files

    starts = range(0, len(frames), _GROUP)
    if len(starts) == 1:
        return group(0)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [file for files in pool.map(group, starts) for file in files]


def decode(files: Sequence[bytes], out: NDArray[np.uint8], where: str) -> None:
    """Decode T PNG (or JPEG) files into `out`, uint8 [T, H, W, 3].

    Args:
        files: Encoded pictures; ones with palette, grey or alpha are converted to RGB.
        out: Receives the frames.
        where: The feature's name, for messages.

    Raises:
        DatasetError: A picture cannot be decoded or has another size than `out`.
    """
    image = require("PIL.Image", "data")

    def group(start: int) -> None:
        for row, file in enumerate(files[start : start + _GROUP], start):
            try:
                with image.open(io.BytesIO(file)) as picture:
                    frame = np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))
            except (OSError, SyntaxError, ValueError) as error:
                raise DatasetError(f"{where}: picture {row} of this batch cannot be decoded ({error})") from error
            if frame.shape != out.shape[1:]:
                raise DatasetError(f"{where}: a picture is {frame.shape}; info.json says {out.shape[1:]}")
            out[row] = frame

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(group, range(0, len(files), _GROUP)):
            pass
