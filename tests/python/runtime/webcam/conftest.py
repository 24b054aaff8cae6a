"""A webcam below FFmpeg: the kernel's answers come from a preloaded library, everything above them is real."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SOURCE = Path(__file__).with_name("emulated_webcam.c")
COMPILER = shutil.which("cc") or shutil.which("gcc")
PREPARED = """
import json, os, sys, time
from pathlib import Path
from retain.errors import RetainError
from retain.runtime import CameraProfile
from retain.runtime.webcam import Webcam, WebcamSettings, open_webcams

PATH, STATE = Path(os.environ["EMULATED_WEBCAM"]), Path(os.environ["EMULATED_WEBCAM_STATE"])
LARGE = WebcamSettings(mode=(480, 640), warm_up_frames=2, timeout_s=0.5)

def webcam(size=224, settings=LARGE):
    return Webcam("top", PATH, size, size, settings)

def until(what, patience_s=60.0):
    end_s = time.monotonic() + patience_s
    while not (found := what()):
        assert time.monotonic() < end_s
        time.sleep(0.001)
    return found
"""


@dataclass(frozen=True)
class EmulatedWebcam:
    """One camera for the processes that get `environment`. See emulated_webcam.c for its states."""

    path: Path
    state: Path
    environment: Mapping[str, str]

    def run(self, program: str) -> Any:
        """What a program prints as JSON that has this camera and the names of `PREPARED`."""
        command = [sys.executable, "-c", PREPARED + program]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=self.environment, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def scene(number: int, height: int, width: int) -> np.ndarray:
    """Red on the left and blue on the right, with noise as of a sensor."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, : width // 2, 0] = 200
    picture[:, width // 2 :, 2] = 200
    return picture + np.random.default_rng(number).integers(0, 20, picture.shape, dtype=np.uint8)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if COMPILER is None or sys.platform != "linux":
        pytest.skip("no C compiler for the library that answers as a webcam")
    file = tmp_path_factory.mktemp("webcam") / "webcam.so"
    subprocess.run([COMPILER, "-shared", "-fPIC", "-O1", "-o", str(file), str(SOURCE)], check=True, timeout=120)
    return file


@pytest.fixture
def plugged(library: Path, tmp_path: Path) -> EmulatedWebcam:
    return plug(library, tmp_path, 480, 640)


def plug(library: Path, folder: Path, height: int, width: int) -> EmulatedWebcam:
    """A camera whose pictures have this size, which is the mode to ask for."""
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("av")
    for number in range(8):
        image.fromarray(scene(number, height, width)).save(folder / f"{number}.jpg", quality=90)
    path, state = folder / "video0", folder / "state"
    path.symlink_to("/dev/null")
    state.write_text("run")
    environment = os.environ | {
        "LD_PRELOAD": str(library),
        "EMULATED_WEBCAM": str(path),
        "EMULATED_WEBCAM_STATE": str(state),
        "EMULATED_WEBCAM_FRAMES": str(folder),
    }
    return EmulatedWebcam(path, state, environment)
