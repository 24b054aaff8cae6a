"""librealsense in this process, and cameras that are not there: software devices, and recordings made of them."""

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from retain._core import realsense as core
from retain.runtime.profile import CameraProfile
from retain.runtime.realsense import RealsenseSettings, find_librealsense, open_realsense
from retain.runtime.software_realsense import Sdk, SoftwareCamera

HEIGHT, WIDTH, FPS = 48, 64, 30
FRONT = (CameraProfile("front", HEIGHT, WIDTH),)


@pytest.fixture(scope="session")
def library() -> Path:
    try:
        import pyrealsense2  # noqa: F401
    except ImportError as error:
        pytest.skip(f"pyrealsense2 or the libusb it needs is missing ({error}); docs/realsense.md says how to install")
    return find_librealsense()


@pytest.fixture
def context(library: Path) -> core.Context:
    return core.Context(library)


@pytest.fixture
def plug(library: Path, context: core.Context) -> Iterator[Callable[..., SoftwareCamera]]:
    """Makes a software camera and plugs it in; all are taken away in the end."""
    sdk = Sdk(library)
    plugged: list[SoftwareCamera] = []

    def make(serial: str, **properties: object) -> SoftwareCamera:
        camera = SoftwareCamera(sdk, serial, **properties)  # type: ignore[arg-type]
        plugged.append(camera)
        context.attach(camera.address)
        return camera

    yield make
    for camera in plugged:
        context.detach(camera.address)
        camera.delete()


def picture(number: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Noise that tells which frame it is."""
    return np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)


@contextmanager
def open_front(
    context: core.Context, source: str | Path, feed: Callable[[], None] | None = None, **settings: object
) -> Iterator[core.RealsenseCamera]:
    """The camera `front`, opened while `feed` is called again and again, as its first frames need."""
    (camera,) = open_realsense(
        {"front": source}, FRONT, RealsenseSettings(**{"warm_up_frames": 0, **settings}), context=context
    )
    with feeding(feed):
        camera.open()
    try:
        yield camera
    finally:
        camera.close()


@contextmanager
def feeding(feed: Callable[[], None] | None) -> Iterator[None]:
    """Calls `feed` about a hundred times a second on a thread of its own."""
    over = threading.Event()

    def work() -> None:
        while feed is not None and not over.wait(0.01):
            feed()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Film:
    """Sends numbered pictures, one per call, as a camera would."""

    def __init__(self, camera: SoftwareCamera, first: int = 1, *, depth: bool = False) -> None:
        self.camera, self.number, self.depth = camera, first - 1, depth

    def __call__(self) -> None:
        self.number += 1
        time_ms = self.number * 1000.0 / FPS
        if self.depth:
            depth = np.full((HEIGHT, WIDTH), 500 + self.number, np.uint16)
            self.camera.send_depth(depth, self.number, time_ms)
        self.camera.send_color(picture(self.number), self.number, time_ms)


@pytest.fixture
def recording(context: core.Context, plug: Callable[..., SoftwareCamera], tmp_path: Path) -> Path:
    """Forty frames as librealsense's recorder writes them, colour and depth."""
    camera = plug("700", depth=True)
    context.detach(camera.address)
    file = tmp_path / "front.db3"
    sdk = camera.sdk
    try:
        recorder = sdk("rs2_create_record_device", camera.device, str(file).encode())
    except RuntimeError as error:
        pytest.skip(f"this librealsense writes no .db3: {error}")
    context.attach(recorder)
    (front,) = open_realsense({"front": "700"}, FRONT, RealsenseSettings(depth=True, warm_up_frames=0), context=context)
    film = Film(camera, depth=True)
    with feeding(film):
        front.open()
        while film.number < 40:
            front.grab()
    front.close()
    context.detach(recorder)
    sdk.library.rs2_delete_device(ctypes.c_void_p(recorder))
    assert file.is_file()
    return file
