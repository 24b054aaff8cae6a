"""Which camera plays which role, what is refused, and what happens when one goes away."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from retain._core import realsense as core
from retain.errors import ConfigError, DeviceError
from retain.runtime.profile import CameraProfile
from retain.runtime.realsense import RealsenseSettings, connected_cameras, open_realsense
from retain.runtime.software_realsense import AUTO_EXPOSURE, EXPOSURE, GAIN, SoftwareCamera

from .conftest import FRONT, HEIGHT, WIDTH, Film, feeding, open_front, picture

Plug = Callable[..., SoftwareCamera]
BOTH = (CameraProfile("wrist", HEIGHT, WIDTH), CameraProfile("front", HEIGHT, WIDTH))
QUICK = RealsenseSettings(warm_up_frames=0, timeout_s=2.0)


def test_each_serial_number_plays_its_role(context: core.Context, plug: Plug) -> None:
    films = {serial: Film(plug(serial), first) for serial, first in (("101", 1), ("102", 10_001))}
    assert [camera.serial for camera in connected_cameras(context)] == ["101", "102"]
    wrist, front = open_realsense({"front": "101", "wrist": "102"}, BOTH, QUICK, context=context)
    assert (wrist.role, front.role) == ("wrist", "front")
    for camera, serial in ((wrist, "102"), (front, "101")):
        film = films[serial]
        with feeding(film):
            camera.open()
        while camera.grab() is not None:
            pass
        film()
        seen = camera.grab()
        assert seen is not None
        assert np.array_equal(seen[2], picture(film.number))
    wrist.close()
    front.close()


def test_one_camera_needs_no_serial_number_and_two_do(context: core.Context, plug: Plug) -> None:
    plug("101")
    (front,) = open_realsense({"front": None}, FRONT, QUICK, context=context)
    assert front.serial == "101"
    plug("102")
    with pytest.raises(DeviceError, match=r"2 RealSense.*101 \(Software D435\), 102 \(Software D435\)"):
        open_realsense({"front": None}, FRONT, QUICK, context=context)


def test_what_is_not_there_is_told_with_what_is(context: core.Context, plug: Plug) -> None:
    plug("101")
    with pytest.raises(DeviceError, match=r"serial number 999 is connected, found: 101 \(Software D435\)"):
        open_realsense({"front": "999"}, FRONT, QUICK, context=context)


def test_one_camera_cannot_play_two_roles(context: core.Context, plug: Plug) -> None:
    plug("101")
    with pytest.raises(ConfigError, match="101 has two roles, front and wrist"):
        open_realsense({"front": "101", "wrist": "101"}, BOTH, QUICK, context=context)
    with pytest.raises(ConfigError, match="101 has two roles"):
        open_realsense({"front": "101", "wrist": None}, BOTH, QUICK, context=context)


def test_roles_without_frames_are_refused(context: core.Context) -> None:
    with pytest.raises(ConfigError, match="given for left and frames are wanted for front"):
        open_realsense({"left": "101"}, FRONT, QUICK, context=context)


def test_a_mode_that_is_not_offered_is_told_with_the_nearest(context: core.Context, plug: Plug) -> None:
    plug("101", modes=((64, 48, 15), (640, 480, 30), (1280, 720, 30), (64, 36, 30)))
    with pytest.raises(DeviceError, match=r"no colour of 64 × 48 at 30 Hz; nearest: 64 × 36 at 30 Hz, 64 × 48 at 15"):
        open_realsense({"front": "101"}, FRONT, QUICK, context=context)
    settings = RealsenseSettings(depth=True, fps=15)
    with pytest.raises(DeviceError, match="offers no depth at all"):
        open_realsense({"front": "101"}, FRONT, settings, context=context)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (RealsenseSettings(mode=(480, 640)), "set crop_to_square"),
        (RealsenseSettings(mode=(480, 640), crop_to_square=True), "cropped to a square, but its frames are 64 × 48"),
        (RealsenseSettings(exposure=10.0, auto_exposure=True), "choose one"),
        (RealsenseSettings(fps=0), "positive size and rate"),
        (RealsenseSettings(timeout_s=0.0), "positive timeout_s"),
    ],
)
def test_numbers_that_contradict_each_other_are_refused(
    context: core.Context, plug: Plug, settings: RealsenseSettings, message: str
) -> None:
    plug("101")
    with pytest.raises(ConfigError, match=message):
        open_realsense({"front": "101"}, FRONT, settings, context=context)


def test_exposure_and_gain_by_hand_turn_the_automatic_off(context: core.Context, plug: Plug) -> None:
    camera = plug("101")
    for option, greatest in ((EXPOSURE, 10_000.0), (GAIN, 128.0), (AUTO_EXPOSURE, 1.0)):
        camera.add_option(option, 0.0, greatest, 1.0)
    with open_front(context, "101", Film(camera), exposure=156.0, gain=64.0):
        assert [camera.option(option) for option in (EXPOSURE, GAIN, AUTO_EXPOSURE)] == [156.0, 64.0, 0.0]
    with (
        pytest.raises(DeviceError, match="takes gain from 0 to 128, asked for 500"),
        open_front(context, "101", gain=500),
    ):
        pass


def test_a_camera_that_opens_and_never_sends_is_found_out(context: core.Context, plug: Plug) -> None:
    plug("101")
    (front,) = open_realsense({"front": "101"}, FRONT, RealsenseSettings(timeout_s=0.3), context=context)
    for _ in range(3):  # the second failure also tries a hardware reset
        with pytest.raises(DeviceError, match="sent no frame within"):
            front.open()


def test_unplugged_is_lost_and_numbers_go_on_after_opening_again(context: core.Context, plug: Plug) -> None:
    film = Film(camera := plug("101"))
    (front,) = open_realsense(
        {"front": "101"}, FRONT, RealsenseSettings(warm_up_frames=0, timeout_s=60), context=context
    )
    with feeding(film):
        front.open()
    before = grab_one(front, film)
    context.detach(camera.address)
    outcome = None
    for _ in range(100):
        outcome = front.grab_with_depth()
        if outcome is False:
            break
    assert outcome is False
    front.close()
    with pytest.raises(DeviceError, match="serial number 101"):
        front.open()
    context.attach(camera.address)
    film.number = 0  # a device that was plugged in again counts anew, and its clock too
    with feeding(film):
        front.open()
    after = grab_one(front, film)
    assert after[1] > before[1]
    assert after[0] > before[0]
    front.close()


def test_silence_of_a_camera_that_is_still_there_is_lost_after_the_timeout(context: core.Context, plug: Plug) -> None:
    film = Film(plug("101"))
    with open_front(context, "101", film, timeout_s=0.5) as front:
        outcomes = [front.grab_with_depth() for _ in range(30)]
    assert None in outcomes
    assert outcomes[-1] is False


def test_a_closed_camera_is_lost_not_a_crash(context: core.Context, plug: Plug) -> None:
    plug("101")
    (front,) = open_realsense({"front": "101"}, FRONT, QUICK, context=context)
    assert front.grab_with_depth() is False
    front.close()
    front.close()


def test_hundreds_of_frames_in_a_camera_thread(context: core.Context, plug: Plug) -> None:
    """Each frame is waited for before the next is sent: none may be lost then, and memory must not grow."""
    film = Film(plug("101"))
    seen: list[tuple[int, int]] = []
    taken = threading.Semaphore(0)
    over = threading.Event()

    def grab() -> None:
        while not over.is_set():
            frame = front.grab()
            if frame is not None:
                seen.append((frame[0], frame[1]))
                taken.release()

    with open_front(context, "101", film, timeout_s=60) as front:
        while front.grab() is not None:
            pass
        thread = threading.Thread(target=grab)
        thread.start()
        resident = []
        for _ in range(600):
            film()
            assert taken.acquire(timeout=60)
            resident.append(resident_bytes())
        over.set()
        thread.join()
    numbers = [number for _, number in seen]
    assert numbers == list(range(numbers[0], numbers[0] + 600))
    times = [sensor for sensor, _ in seen]
    assert times == sorted(times)
    # A leak of one frame each would be 400 × 9216 bytes.
    assert resident[-1] - resident[200] < 400 * HEIGHT * WIDTH * 3 / 2


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def grab_one(front: core.RealsenseCamera, film: Film) -> tuple[int, int]:
    while True:
        film()
        seen = front.grab()
        if seen is not None:
            return seen[0], seen[1]
