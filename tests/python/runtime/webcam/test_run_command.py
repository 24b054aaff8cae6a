"""`retain run` on servos with a webcam: emulated servos on a pseudo-terminal, an emulated camera below FFmpeg."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from retain.runtime.feetech.emulator import EmulatedArm

from ..so101 import SO101  # noqa: TID252 (tests are no package that could be named)
from ..test_command_loop import PATIENT  # noqa: TID252
from ..tiny_policy import write_tiny_bundle  # noqa: TID252
from .conftest import EmulatedWebcam, plug

HEIGHT, WIDTH = 48, 64
DRIFT = (0.02, 0.0, 0.0, 0.0, -0.02, 0.01)


@pytest.fixture
def webcam(library: Path, tmp_path: Path) -> EmulatedWebcam:
    return plug(library, tmp_path, HEIGHT, WIDTH)


@pytest.fixture
def command(arm: EmulatedArm, calibration: Path, webcam: EmulatedWebcam, tmp_path: Path) -> list[str]:
    bundle = write_tiny_bundle(tmp_path / "bundle", DRIFT, names=tuple(SO101), size=HEIGHT)
    file = tmp_path / "patient.json"
    file.write_text(json.dumps({**PATIENT, "rate_hz": 50}))
    return [
        sys.executable, "-m", "retain.cli", "run", str(bundle), "--task", "lift the red block", "--robot", "feetech",
        "--port", arm.port, "--calibration", str(calibration), "--camera", f"front=v4l2:{webcam.path}",
        "--camera-mode", f"{WIDTH}x{HEIGHT}", "--config", str(file), "--answer-margin", "1", "--json",
    ]  # fmt: skip


def run(command: Sequence[str], webcam: EmulatedWebcam) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=webcam.environment)


def test_servos_are_driven_by_what_a_webcam_sees(command: list[str], arm: EmulatedArm, webcam: EmulatedWebcam) -> None:
    done = run([*command, "--duration", "3"], webcam)
    assert (done.returncode, done.stderr) == (0, "")
    (report,) = json.loads(done.stdout)["runs"]
    assert (report["state"], report["cause"]) == ("hold", "time_over")
    assert report["chunks"] >= 2
    assert report["cameras"][0]["frames"] > 10
    assert arm.goals()[0] > 0


def test_an_unplugged_webcam_ends_the_run_at_rest_and_is_named(
    command: list[str], arm: EmulatedArm, webcam: EmulatedWebcam
) -> None:
    with subprocess.Popen(
        [*command, "--duration", "60"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=webcam.environment,
    ) as process:
        try:
            while arm.goals()[0] < 60 and process.poll() is None:
                time.sleep(0.05)
            assert process.poll() is None, process.communicate()
            webcam.state.write_text("gone")
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, err) == (1, "")
    (report,) = json.loads(out)["runs"]
    assert report["cause"] == "stale_frames"
    assert report["device_message"] == f"camera front: {webcam.path} is gone; plug the camera in again"


def test_a_webcam_that_cannot_work_is_told_before_a_motor_is_addressed(
    command: list[str], arm: EmulatedArm, webcam: EmulatedWebcam
) -> None:
    wrong = [*command]
    wrong[wrong.index("--camera-mode") + 1] = "1920x1080@30"
    done = run(wrong, webcam)
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no mode 1920x1080@30; it offers" in done.stderr
    assert arm.goals()[0] == 0
