"""Your own arm: implement `PythonRobot`, then let the loop drive it along a script. Here a simulated arm of two joints.

python examples/01_robot.py
"""

import math
import sys
import time

import numpy as np
import numpy.typing as npt
from retain.runtime import (
    ChannelProfile,
    PythonDevices,
    PythonRobot,
    Realtime,
    RobotProfile,
    RunConfiguration,
    check_robot,
    open_python_devices,
    run_script,
)
from retain.runtime.report_rows import report_rows

# Names, units and limits: no command ever leaves them, whatever a script or a policy says.
PROFILE = RobotProfile(
    "two-joint arm",
    (
        ChannelProfile(
            "shoulder", "rad", "linear", -1.5, 1.5, velocity=2.0, acceleration=20.0, jerk=400.0, following_error=0.8
        ),
        ChannelProfile(
            "elbow", "rad", "linear", -0.1, 2.5, velocity=2.0, acceleration=20.0, jerk=400.0, following_error=0.8
        ),
    ),
)


class TwoJointArm(PythonRobot):
    """Everything the loop needs of an arm. It runs on a thread of its own, a hundred times a second."""

    lag_s = 0.03
    """Of the position servos."""

    def __init__(self) -> None:
        super().__init__(PROFILE, rate_hz=100.0)
        self.position = np.array([0.0, 0.5])
        self.command = self.position
        self.measured_s = time.monotonic()

    def read(self) -> tuple[npt.NDArray[np.float64], float]:
        """A real arm asks its bus here, and gives the time at which it measured."""
        now_s = time.monotonic()
        share = 1.0 - math.exp(-(now_s - self.measured_s) / self.lag_s)
        self.position = self.position + share * (self.command - self.position)
        self.measured_s = now_s
        return self.position, now_s

    def write(self, command: npt.NDArray[np.float64]) -> None:
        """A real arm sends it here."""
        self.command = command


def open_devices() -> PythonDevices:
    """For communication_test.py too."""
    return open_python_devices(TwoJointArm())


def main() -> int:
    check_robot(TwoJointArm())
    # One swing of the shoulder, away and back, in rows of a tenth of a second.
    phase = np.linspace(0.0, 2.0 * math.pi, 21)[1:]
    rows = np.stack([0.2 * (1.0 - np.cos(phase)), np.full(20, 0.5)], axis=1)
    configuration = RunConfiguration(
        rate_hz=200.0,
        strategy="sync",
        duration_s=2.0,
        state_timeout_s=0.5,
        overruns_to_stop=1.0,
        realtime=Realtime(priority=None, lock_memory=False),
    )
    with open_devices() as devices:
        run = run_script(devices, rows, 0.1, configuration=configuration)
    for what, value in report_rows(run.report):
        print(f"{what:18} {value}")
    print(f"the shoulder swung out to {run.record.measured[:, 0].max():.2f} rad")
    return 1 if run.report.faulted else 0


if __name__ == "__main__":
    sys.exit(main())
