"""The central square of a picture, made smaller by averaging areas: to the bit what RealSense cameras' frames get.

`csrc/camera/realsense/square_crop.hpp` has the definition. Here it is done with sums that run along an axis, of which
an output pixel is a difference, because numpy has no such resize.
"""

import numpy as np
import numpy.typing as npt

from retain.errors import ConfigError

GREATEST_SIDE = 4096
"""255 · 4096² still fits 32 bits."""


class SquareCrop:
    """Takes the largest centred square of pictures of one size, and makes it size × size.

    Args:
        height: Of the pictures, pixels.
        width: Of the pictures, pixels.
        size: A side of the result, pixels.

    Raises:
        ConfigError: The square has fewer pixels than asked for: nothing is ever enlarged.
    """

    def __init__(self, height: int, width: int, size: int) -> None:
        side = min(height, width)
        if not 0 < size <= side <= GREATEST_SIDE:
            raise ConfigError(
                f"the central square of {width} × {height} has {side} pixels a side and {size} are wanted; choose"
                " another mode of the camera with --camera-mode"
            )
        self._side, self._size = side, size
        self._top, self._left = (height - side) // 2, (width - side) // 2
        edges = np.arange(size + 1) * side
        self._whole = edges // size
        self._part = (edges % size).astype(np.uint32)

    def __call__(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Pixel i covers the source from i·side/size to (i + 1)·side/size; the mean is rounded half up.

        Args:
            picture: uint8[height, width, 3].

        Returns:
            uint8[size, size, 3], contiguous.
        """
        square = picture[self._top : self._top + self._side, self._left : self._left + self._side]
        if self._side == self._size:
            return np.ascontiguousarray(square)
        rows = self._along(square.reshape(self._side, -1)).reshape(self._size, self._side, 3)
        columns = self._along(np.ascontiguousarray(rows.transpose(1, 0, 2)).reshape(self._side, -1))
        area = self._side * self._side
        mean = (columns + np.uint32(area // 2)) // np.uint32(area)
        return np.ascontiguousarray(mean.astype(np.uint8).reshape(self._size, self._size, 3).transpose(1, 0, 2))

    def _along(self, values: npt.NDArray[np.generic]) -> npt.NDArray[np.uint32]:
        """Weighted sums over the first axis. What runs over 32 bits in the running sum cancels in the difference."""
        running = np.zeros((self._side + 1, values.shape[1]), np.uint32)
        np.cumsum(values, axis=0, dtype=np.uint32, out=running[1:])
        # The value that an edge cuts; after the last edge there is none, and its part is 0.
        cut = values[np.minimum(self._whole, self._side - 1)].astype(np.uint32)
        upto = running[self._whole] * np.uint32(self._size) + cut * self._part[:, None]
        return upto[1:] - upto[:-1]
