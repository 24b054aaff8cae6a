"""Your own camera: implement `PythonCamera`, then look at its frames. Here one that draws a bar which moves.

python examples/02_camera.py
"""

import sys
import time

import numpy as np
import numpy.typing as npt
from retain.runtime import PythonCamera, check_camera


class MovingBar(PythonCamera):
    """Fifty frames a second on a thread of its own. Leave rate_hz out where read() itself waits for the next frame."""

    def __init__(self) -> None:
        super().__init__("front", height=48, width=64, rate_hz=50.0, noisy=False)
        self.frames = 0

    def connect(self) -> None:
        """A real camera is opened here, and raises what mends it if it cannot be."""

    def read(self) -> tuple[npt.NDArray[np.uint8], float]:
        """The next frame, RGB, and when the scene looked like this: the sensor's time, never that of arrival."""
        taken_s = time.monotonic()
        self.frames += 1
        frame = np.full((self.height, self.width, 3), 32, np.uint8)
        frame[:, self.frames % self.width, 0] = 255
        return frame, taken_s


def main() -> int:
    check_camera(MovingBar())
    camera = MovingBar()
    camera.connect()
    oldest_s = 0.0
    for _ in range(25):
        frame, taken_s = camera.read()
        oldest_s = max(oldest_s, time.monotonic() - taken_s)
    camera.disconnect()
    print(f"25 frames of {frame.shape[1]}x{frame.shape[0]}; the oldest was {1e3 * oldest_s:.1f} ms old on arrival")
    return 0


if __name__ == "__main__":
    sys.exit(main())
