"""`retain run` on servos with a camera: emulated servos on a pseudo-terminal, and a recording as the camera."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from retain.runtime.feetech.emulator import EmulatedArm

from ..so101 import SO101  # noqa: TID252 (tests are no package that could be named)
from ..test_command_loop import PATIENT  # noqa: TID252
from ..tiny_policy import write_tiny_bundle  # noqa: TID252
from .conftest import HEIGHT, WIDTH

TASK = "lift the red block"
NAMES = tuple(SO101)
DRIFT = (0.02, 0.0, 0.0, 0.0, -0.02, 0.01)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_tiny_bundle(tmp_path / "bundle", DRIFT, names=NAMES, size=HEIGHT)


@pytest.fixture
def options(tmp_path: Path) -> tuple[str, ...]:
    file = tmp_path / "patient.json"
    file.write_text(json.dumps({**PATIENT, "rate_hz": 50}))
    return ("--config", str(file), "--answer-margin", "1")


def retain_run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "retain.cli", "run", *map(str, arguments), "--task", TASK, "--robot", "feetech"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_servos_and_a_recorded_camera_are_driven_by_the_names_of_lerobots_datasets(
    arm: EmulatedArm, calibration: Path, recording: Path, options: tuple[str, ...], tmp_path: Path
) -> None:
    names = tuple(f"{name}.pos" for name in NAMES)
    bundle = write_tiny_bundle(tmp_path / "bundle", DRIFT, names=names, size=HEIGHT)
    before = [arm.registers(servo)[56:58] for servo in range(1, 7)]
    done = retain_run(
        bundle, "--port", arm.port, "--calibration", calibration, "--camera", f"front=recording:{recording}",
        "--camera-mode", f"{WIDTH}x{HEIGHT}", *options, "--duration", "3", "--record", tmp_path / "run.mcap", "--json",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    (report,) = json.loads(done.stdout)["runs"]
    assert (report["state"], report["cause"], report["success"]) == ("hold", "time_over", None)
    assert report["chunks"] >= 2
    assert report["cameras"][0]["frames"] > 10
    assert report["recording"]["path"] == str(tmp_path / "run.mcap")
    after = [arm.registers(servo)[56:58] for servo in range(1, 7)]
    moved = [one for one, was, now in zip(NAMES, before, after, strict=True) if was != now]
    assert {"shoulder_pan", "wrist_roll", "gripper"} <= set(moved)
    goals, outside = arm.goals()
    assert goals > 0
    assert outside == 0


def test_what_does_not_fit_is_refused_before_the_port_is_opened(
    bundle: Path, calibration: Path, tmp_path: Path, recording: Path
) -> None:
    misfit = write_tiny_bundle(tmp_path / "misfit", (0.0,) * 6, names=("elbow", *NAMES[1:]), size=HEIGHT)
    robot = ("--port", "/dev/none", "--calibration", str(calibration))
    camera = ("--camera", f"front=recording:{recording}", "--camera-mode", f"{WIDTH}x{HEIGHT}")
    for arguments, sentence in [
        ((misfit, *robot, *camera), "the bundle does not fit the robot feetech"),
        ((bundle, *robot), "looks through front and --camera gives none"),
        ((bundle, *robot, *camera, "--camera", "wrist=realsense"), "--camera gives front, wrist"),
        ((bundle, *robot, "--camera", f"front=recording:{tmp_path / 'none.db3'}"), "which is no file"),
        ((bundle, *robot, "--camera", "front=realsense:999"), "999"),
        ((bundle, *robot, "--camera", "front=realsense"), "RealSense"),
        (
            (bundle, "--port", "/dev/none", "--calibration", tmp_path / "none.json", *camera),
            "cannot read the calibration",
        ),
        ((bundle, *robot, *camera, "--answer-margin", "0"), "a margin of 0.0"),
        ((bundle, *robot, *camera, "--record", tmp_path / "run.mcap"), "there is no serial port /dev/none"),
    ]:
        done = retain_run(*arguments)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert done.stderr.startswith("retain run: ")
        assert sentence in done.stderr
    assert not (tmp_path / "run.mcap").exists()


def test_interrupt_brings_the_servos_to_rest(
    bundle: Path, arm: EmulatedArm, calibration: Path, recording: Path, options: tuple[str, ...]
) -> None:
    command = [
        sys.executable, "-m", "retain.cli", "run", str(bundle), "--task", TASK, "--robot", "feetech",
        "--port", arm.port, "--calibration", str(calibration), "--camera", f"front=recording:{recording}",
        "--camera-mode", f"{WIDTH}x{HEIGHT}", *options, "--duration", "0", "--json",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            while arm.goals()[0] < 60 and process.poll() is None:
                time.sleep(0.05)
            assert process.poll() is None, process.communicate()
            os.kill(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, err) == (0, "")
    (report,) = json.loads(out)["runs"]
    assert (report["state"], report["cause"]) == ("hold", "operator_stop")
