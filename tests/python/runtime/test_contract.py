import time

import numpy as np
import numpy.typing as npt
import pytest
from retain.errors import DeviceError
from retain.runtime import ChannelProfile, RobotProfile, check_camera, check_robot

from .two_joint_arm import Arm, Eye


def test_devices_that_keep_their_promises_pass() -> None:
    arm = Arm()
    check_robot(arm)
    assert arm.calls[0] == "connect"
    assert arm.calls[-2:] == ["drop", "disconnect"]
    assert (arm.position == [0.1, -0.2]).all()
    check_camera(Eye())


def test_every_broken_promise_of_an_arm_is_listed_once_and_nothing_is_written() -> None:
    class Degrees(Arm):
        def read(self) -> tuple[npt.NDArray[np.float64], float]:
            return np.array([90.0, np.nan]), time.time()

    arm = Degrees()
    with pytest.raises(DeviceError) as told:
        check_robot(arm, readings=3)
    message = str(told.value)
    assert message.startswith("Degrees breaks its contract: ")
    assert message.count("channel shoulder stands at 90 rad, outside its limits -2 to 2: is the unit right?") == 1
    assert "channel elbow is nan" in message
    assert "is it time.time()?" in message
    assert "write" not in arm.calls


@pytest.mark.parametrize(
    ("times", "sentence"), [((1.0, 2.0, 1.5), "times went back"), ((1.0, 1.0, 1.0), "time stood still")]
)
def test_times_must_go_forward(times: tuple[float, ...], sentence: str) -> None:
    class Clockwork(Arm):
        def read(self) -> tuple[npt.NDArray[np.float64], float]:
            self.reads += 1
            return self.position, times[self.reads % 3]

    with pytest.raises(DeviceError, match=sentence):
        check_robot(Clockwork(), readings=3)


def test_a_profile_that_allows_no_motion_is_told() -> None:
    arm = Arm()
    stuck = ChannelProfile(
        "joint", "rad", "linear", 1.0, 1.0, velocity=0.0, acceleration=1.0, jerk=1.0, following_error=1.0
    )
    arm.profile = RobotProfile("bad", (stuck, stuck))
    with pytest.raises(DeviceError, match=r"two channels .* one name; .*position_min.*; .*must be above 0"):
        check_robot(arm, readings=1)


def test_a_frame_of_another_size_is_told() -> None:
    eye = Eye()
    eye.height = 32
    with pytest.raises(DeviceError, match=r"Eye front breaks .* uint8\[64, 64, 3\] and should be uint8\[32, 64, 3\]"):
        check_camera(eye, readings=2)


def test_a_device_that_never_has_anything_new_is_told() -> None:
    class Mute(Eye):
        def read(self) -> None:  # type: ignore[override]
            return None

    with pytest.raises(DeviceError, match=r"nothing new within 0\.1 s"):
        check_camera(Mute(), patience_s=0.1)
