import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from retain.bundle import Bundle
from retain.errors import DeviceError
from retain.runtime import RunConfiguration, Status, open_python_devices, run_bundle

from .tiny_policy import TASK, write_tiny_bundle
from .two_joint_arm import JOINTS, Arm, Eye


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """Turns the shoulder by 0.2 rad/s."""
    return Bundle.open(write_tiny_bundle(tmp_path / "two-joint", (0.02, 0.0), names=JOINTS))


def test_a_policy_drives_an_arm_and_a_camera_written_in_python_to_success(
    bundle: Bundle, patient: RunConfiguration
) -> None:
    arm = Arm()

    def done(_: Status) -> bool:
        return bool(arm.position[0] > 0.2)

    with open_python_devices(arm, [Eye()]) as devices:
        run = run_bundle(bundle, devices, TASK, patient.model_copy(update={"duration_s": 60.0}), watch=done)
    assert run.report.success is True
    assert (run.report.state, run.report.device_message) == ("hold", "")
    assert devices.failures == ()
    assert np.abs(np.diff(run.record.sent, axis=0)).max() <= 1.5 / patient.rate_hz + 1e-9
    assert abs(arm.position[1] + 0.2) < 0.02


def test_all_methods_are_called_on_one_thread_and_disconnect_last(bundle: Bundle, patient: RunConfiguration) -> None:
    arm = Arm()
    with open_python_devices(arm, [Eye()]) as devices:
        run_bundle(bundle, devices, TASK, patient.model_copy(update={"duration_s": 0.3}))
        assert "disconnect" not in arm.calls
    assert len(arm.threads) == 1
    assert arm.threads != {threading.get_ident()}
    assert (arm.calls[0], arm.calls[-1]) == ("connect", "disconnect")
    assert "drop" not in arm.calls


def test_devices_can_be_driven_again_after_a_run(bundle: Bundle, patient: RunConfiguration) -> None:
    with open_python_devices(Arm(), [Eye()]) as devices:
        for _ in range(2):
            report = run_bundle(bundle, devices, TASK, patient.model_copy(update={"duration_s": 0.3})).report
            assert report.state == "hold"


def test_an_arm_whose_code_raises_is_left_alone_and_the_report_says_what_it_raised(
    bundle: Bundle, patient: RunConfiguration
) -> None:
    def bus_breaks(cycle: int) -> None:
        if cycle == 60:
            raise OSError("no answer from motor 3")

    arm = Arm(before_read=bus_breaks)
    quick = patient.model_copy(update={"state_timeout_s": 0.5, "duration_s": 60.0})
    with open_python_devices(arm, [Eye()]) as devices:
        run = run_bundle(bundle, devices, TASK, quick)
    assert (run.report.state, run.report.cause) == ("fault", "robot_silent")
    assert "Arm.read() raised OSError: no answer from motor 3 (test_python_devices.py:" in run.report.device_message
    (failure,) = devices.failures
    assert isinstance(failure.error, OSError)
    assert "bus_breaks" in failure.traceback
    assert arm.reads == 60
    with pytest.raises(DeviceError, match=r"no answer from motor 3"):
        run_bundle(bundle, devices, TASK, quick)


def test_an_arm_that_refuses_a_command_by_raising_ends_in_silence_too(
    bundle: Bundle, patient: RunConfiguration
) -> None:
    class Stubborn(Arm):
        def write(self, command: npt.NDArray[np.float64]) -> None:
            raise SystemExit("enough")

    with open_python_devices(Stubborn(), [Eye()]) as devices:
        run = run_bundle(bundle, devices, TASK, patient.model_copy(update={"state_timeout_s": 0.5}))
    assert run.report.cause == "robot_silent"
    assert "Stubborn.write() raised SystemExit: enough" in run.report.device_message


def test_a_camera_whose_code_raises_brings_the_arm_to_rest(bundle: Bundle, patient: RunConfiguration) -> None:
    def unplugged(frame: int) -> None:
        if frame == 30:
            raise OSError("unplugged")

    quick = patient.model_copy(update={"max_frame_age_s": 0.5, "hold_timeout_s": 0.5, "duration_s": 60.0})
    with open_python_devices(Arm(), [Eye(before_read=unplugged)]) as devices:
        run = run_bundle(bundle, devices, TASK, quick)
    assert run.report.state == "fault"
    assert "Eye front.read() raised OSError: unplugged" in run.report.device_message
    assert (run.record.sent[-1] == run.record.sent[-2]).all()


def test_a_second_signal_tells_the_driver_to_drop_and_no_command_follows(
    bundle: Bundle, patient: RunConfiguration
) -> None:
    arm = Arm()

    def twice(status: Status) -> bool:
        if status.chunks:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)
        return False

    with open_python_devices(arm, [Eye()]) as devices:
        run = run_bundle(bundle, devices, TASK, patient.model_copy(update={"duration_s": 60.0}), watch=twice)
        deadline_s = time.monotonic() + 30.0
        while "drop" not in arm.calls and time.monotonic() < deadline_s:
            time.sleep(0.01)
    assert run.report.cause == "operator_drop"
    assert arm.calls[-2:] == ["drop", "disconnect"]


def test_a_slow_arm_under_a_fast_loop_gets_the_newest_command_only(bundle: Bundle, patient: RunConfiguration) -> None:
    arm = Arm(rate_hz=20.0)
    with open_python_devices(arm, [Eye()]) as devices:
        run = run_bundle(bundle, devices, TASK, patient.model_copy(update={"rate_hz": 500.0, "duration_s": 2.0}))
    assert run.report.state == "hold"
    assert run.report.ticks > arm.reads
    assert arm.position[0] > 0.1
    assert len(np.unique(run.record.measured[:, 0])) <= arm.reads


def test_ticks_go_on_while_python_code_holds_the_interpreter(bundle: Bundle, patient: RunConfiguration) -> None:
    held_s = 0.0

    def hog(status: Status) -> bool:
        nonlocal held_s
        if held_s == 0.0 and status.chunks:
            begun_s = time.monotonic()
            sum(range(40_000_000))  # one call into C: no other Python thread runs meanwhile
            held_s = time.monotonic() - begun_s
        return False

    with open_python_devices(Arm(), [Eye()]) as devices:
        configuration = patient.model_copy(update={"state_timeout_s": 60.0, "max_frame_age_s": 60.0})
        run = run_bundle(bundle, devices, TASK, configuration, watch=hog)
    assert run.report.state == "hold"
    assert held_s > 0.1
    assert np.diff(run.record.time_s).max() < held_s


BLOCKS_FOREVER = """
import sys
import threading
from retain.bundle import Bundle
from retain.runtime import Realtime, RunConfiguration, open_python_devices, run_bundle
from tests.python.runtime.two_joint_arm import Arm, Eye

def block(cycle):
    if cycle == 60:
        threading.Event().wait()

configuration = RunConfiguration(
    rate_hz=200.0, duration_s=60.0, state_timeout_s=1.5, max_frame_age_s=2.0, inference_timeout_s=10.0,
    hold_timeout_s=10.0, overruns_to_stop=0.9, realtime=Realtime(priority=None, lock_memory=False),
)
with open_python_devices(Arm(before_read=block), [Eye()]) as devices:
    report = run_bundle(Bundle.open(sys.argv[1]), devices, "lift the red block", configuration).report
print(report.state, report.cause, report.device_message, sep="; ")
print([thread.device for thread in devices.threads if thread.left_behind])
"""


def test_a_driver_that_never_comes_back_can_keep_neither_the_loop_nor_the_process(tmp_path: Path) -> None:
    bundle = write_tiny_bundle(tmp_path / "two-joint", (0.02, 0.0), names=JOINTS)
    root = Path(__file__).parents[3]
    path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
    process = subprocess.run(
        [sys.executable, "-c", BLOCKS_FOREVER, str(bundle)],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (process.returncode, process.stderr) == (0, "")
    report, left = process.stdout.splitlines()
    assert report.startswith("fault; robot_silent; Arm.read() has not returned for ")
    assert left == "['Arm']"


def test_what_a_driver_raises_on_the_way_up_is_the_error_and_its_cause() -> None:
    class Unpowered(Arm):
        def connect(self) -> None:
            raise ConnectionError("no power")

    with pytest.raises(DeviceError, match=r"Unpowered.connect\(\) raised ConnectionError: no power") as refusal:
        open_python_devices(Unpowered())
    assert isinstance(refusal.value.__cause__, ConnectionError)


def test_a_driver_with_nothing_to_say_is_not_waited_for_forever() -> None:
    class Mute(Arm):
        def read(self) -> None:  # type: ignore[override]
            return None

    arm = Mute()
    with pytest.raises(DeviceError, match=r"Mute gave nothing within 0\.2 s: its read\(\) has nothing new"):
        open_python_devices(arm, start_timeout_s=0.2)
    assert arm.calls[-1] == "disconnect"


@pytest.mark.parametrize(
    ("reading", "sentence"),
    [
        (lambda: ([0.0, 0.0], time.time()), r"expected seconds of time\.monotonic\(\), not of time\.time\(\)"),
        (lambda: ([0.0], None), r"positions of shape \(1,\); expected \(2,\)"),
    ],
)
def test_readings_that_cannot_be_true_are_refused_in_a_sentence(reading: object, sentence: str) -> None:
    class Wrong(Arm):
        def read(self) -> object:  # type: ignore[override]
            return reading()  # type: ignore[operator]

    with pytest.raises(DeviceError, match=sentence):
        open_python_devices(Wrong())


def test_a_frame_of_another_kind_is_refused_in_a_sentence() -> None:
    class Floats(Eye):
        def read(self) -> tuple[npt.NDArray[np.uint8], None]:
            return np.zeros((64, 64, 3), np.float32), None  # type: ignore[return-value]

    with pytest.raises(DeviceError, match=r"a frame float32\[64, 64, 3\]; expected uint8\[64, 64, 3\]"):
        open_python_devices(Arm(), [Floats()])


def test_a_frozen_camera_delivers_nothing_new() -> None:
    class Frozen(Eye):
        def read(self) -> tuple[npt.NDArray[np.uint8], float]:
            return np.zeros((64, 64, 3), np.uint8), 1.0

    with open_python_devices(Arm(), [Frozen(rate_hz=None)]) as devices:
        (camera,) = devices.cameras
        assert camera.grab() is not None
        assert camera.grab() is None
