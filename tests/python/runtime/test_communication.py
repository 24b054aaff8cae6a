import os
import signal
import threading

import numpy as np
import numpy.typing as npt
import pytest
from retain.errors import ConfigError, DeviceError
from retain.runtime import Realtime, check_communication, open_python_devices
from retain.runtime.communication import communication_rows
from retain.runtime.mujoco import open_tabletop
from retain.sim import episodes, parse_instruction

from .tiny_policy import TASK
from .two_joint_arm import Arm, Eye

NORMAL_CLASS = Realtime(priority=None, lock_memory=False)


def test_it_measures_both_ways_and_moves_nothing() -> None:
    arm = Arm()
    with open_python_devices(arm, [Eye()]) as devices:
        report = check_communication(devices, rate_hz=200.0, duration_s=1.0, realtime=NORMAL_CLASS)
    assert report.ticks > 0
    assert 0 < report.states <= report.ticks
    assert report.commands == report.ticks
    assert report.state_age.count == report.ticks
    assert report.state_age.p50_s > 0.0
    (camera,) = report.cameras
    assert (camera.role, camera.age.count) == ("front", camera.frames)
    assert camera.frames > 1
    assert (arm.position == [0.1, -0.2]).all()
    assert "write" in arm.calls
    rows = dict(communication_rows(report))
    assert "new per second" in rows["states"]
    assert "frames per second" in rows["camera front"]
    assert report.to_json()["cameras"][0]["role"] == "front"


def test_the_simulated_robot_passes_it() -> None:
    scene = open_tabletop(episodes("id", parse_instruction(TASK), 1, seed=0)[0])
    report = check_communication(scene.devices, rate_hz=200.0, duration_s=1.0, realtime=NORMAL_CLASS)
    scene.sim.close()
    assert report.states > 0
    assert report.cameras[0].frames > 0


def test_an_arm_that_goes_silent_is_told_with_what_its_code_raised() -> None:
    loose = threading.Event()

    def breaks(_: int) -> None:
        if loose.is_set():
            raise OSError("cable")

    with open_python_devices(Arm(before_read=breaks)) as devices:
        timer = threading.Timer(0.5, loose.set)
        timer.start()
        with pytest.raises(DeviceError, match=r"Arm.read\(\) raised OSError: cable"):
            check_communication(devices, rate_hz=200.0, duration_s=2.0, realtime=NORMAL_CLASS)
        timer.join()
        with pytest.raises(DeviceError, match=r"driver has ended: Arm.read\(\) raised OSError: cable"):
            check_communication(devices, rate_hz=200.0, duration_s=2.0, realtime=NORMAL_CLASS)


def test_a_camera_that_is_lost_is_told() -> None:
    def breaks(frame: int) -> None:
        if frame == 20:
            raise OSError("unplugged")

    with (
        open_python_devices(Arm(), [Eye(before_read=breaks)]) as devices,
        pytest.raises(DeviceError, match=r"Eye front.read\(\) raised OSError: unplugged"),
    ):
        check_communication(devices, rate_hz=200.0, duration_s=2.0, realtime=NORMAL_CLASS)


def test_ctrl_c_ends_it_early_and_leaves_the_devices_usable() -> None:
    with open_python_devices(Arm()) as devices:
        timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            check_communication(devices, rate_hz=200.0, duration_s=250.0, realtime=NORMAL_CLASS)
        timer.join()
        assert check_communication(devices, rate_hz=200.0, duration_s=0.2, realtime=NORMAL_CLASS).ticks > 0


def test_an_impossible_rate_is_refused() -> None:
    with open_python_devices(Arm()) as devices, pytest.raises(ConfigError, match="1 to 10000 Hz"):
        check_communication(devices, rate_hz=0.0, duration_s=1.0, realtime=NORMAL_CLASS)


def test_an_arm_that_measures_nan_is_refused() -> None:
    class Broken(Arm):
        def read(self) -> tuple[npt.NDArray[np.float64], None]:
            return np.array([0.0, np.nan]), None

    with open_python_devices(Broken()) as devices, pytest.raises(DeviceError, match="channel elbow as nan"):
        check_communication(devices, rate_hz=200.0, duration_s=1.0, realtime=NORMAL_CLASS)
