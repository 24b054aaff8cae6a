"""The whole loop on your own devices: an arm and a camera written in Python, driven by a bundle, or by a script.

python examples/03_loop.py                              # a script: the arm holds still, frames flow
python examples/03_loop.py BUNDLE "lift the red block"  # a policy that was trained for this arm
"""

import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from retain.bundle import Bundle
from retain.errors import RetainError
from retain.runtime import (
    ChannelProfile,
    PythonCamera,
    PythonRobot,
    Realtime,
    RobotProfile,
    RunConfiguration,
    open_python_devices,
    run_bundle,
    run_script,
)
from retain.runtime.report_rows import report_rows

PROFILE = RobotProfile(
    "two-joint arm",
    tuple(
        ChannelProfile(
            name, "rad", "linear", -1.5, 1.5, velocity=2.0, acceleration=20.0, jerk=400.0, following_error=0.8
        )
        for name in ("shoulder", "elbow")
    ),
)
CONFIGURATION = RunConfiguration(
    rate_hz=200.0,
    duration_s=2.0,
    max_frame_age_s=1.0,
    state_timeout_s=0.5,
    overruns_to_stop=1.0,
    realtime=Realtime(priority=None, lock_memory=False),
)


class Arm(PythonRobot):
    """Stands where it was told to, one cycle later."""

    def __init__(self) -> None:
        super().__init__(PROFILE, rate_hz=100.0)
        self.position = np.zeros(2)

    def read(self) -> tuple[npt.NDArray[np.float64], float]:
        """Where the joints are, and since when."""
        return self.position, time.monotonic()

    def write(self, command: npt.NDArray[np.float64]) -> None:
        """Where they should go."""
        self.position = command


class Eye(PythonCamera):
    """A grey picture that gets brighter."""

    def __init__(self) -> None:
        super().__init__("front", height=64, width=64, rate_hz=50.0, noisy=False)
        self.grey = 0

    def read(self) -> tuple[npt.NDArray[np.uint8], float]:
        """The next frame."""
        self.grey = (self.grey + 1) % 256
        return np.full((64, 64, 3), self.grey, np.uint8), time.monotonic()


def main(arguments: list[str]) -> int:
    try:
        with open_python_devices(Arm(), [Eye()]) as devices:
            if len(arguments) == 2:
                run = run_bundle(Bundle.open(Path(arguments[0])), devices, arguments[1], CONFIGURATION)
            else:
                still = np.zeros((16, 2))
                script = CONFIGURATION.model_copy(update={"execute_rows": 8})
                run = run_script(devices, still, 0.1, mode="delta", configuration=script)
    except RetainError as error:
        print(error, file=sys.stderr)
        return 2
    for what, value in report_rows(run.report):
        print(f"{what:18} {value}")
    return 1 if run.report.faulted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
