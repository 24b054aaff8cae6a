"""Pixels, numbers and times of frames that librealsense itself delivers from a software device."""

import time
from collections.abc import Callable

import numpy as np
import pytest
from retain._core import realsense as core
from retain.runtime.profile import CameraProfile
from retain.runtime.realsense import RealsenseSettings, open_realsense
from retain.runtime.software_realsense import (
    FRAME_TIMESTAMP,
    GLOBAL_TIME,
    SENSOR_TIMESTAMP,
    SYSTEM_TIME,
    SoftwareCamera,
)

from .conftest import FPS, HEIGHT, WIDTH, Film, feeding, open_front, picture

Plug = Callable[..., SoftwareCamera]


@pytest.mark.parametrize("padding", [0, 20])
def test_pixels_are_the_cameras_bit_for_bit(context: core.Context, plug: Plug, padding: int) -> None:
    film = Film(camera := plug("101", padding=padding))
    with open_front(context, "101", film) as front:
        while front.grab() is not None:
            pass
        camera.send_color(picture(5000), 5000, 5000 * 1000.0 / FPS)
        seen = front.grab()
    assert seen is not None
    assert np.array_equal(seen[2], picture(5000))


def test_numbers_count_from_one_and_show_what_was_dropped(context: core.Context, plug: Plug) -> None:
    film = Film(camera := plug("101"))
    with open_front(context, "101", film) as front:
        drain(front)
        film()
        first = front.grab()
        for number in (film.number + 1, film.number + 2, film.number + 7):
            camera.send_color(picture(number), number, number * 33.0)
            seen = front.grab()
            assert first is not None
            assert seen is not None
            assert seen[1] - first[1] == number - film.number


def test_the_newest_frame_wins(context: core.Context, plug: Plug) -> None:
    film = Film(plug("101"))
    with open_front(context, "101", film) as front:
        drain(front)
        for _ in range(10):
            film()
        seen = front.grab()
        assert seen is not None
        assert np.array_equal(seen[2], picture(film.number))
        assert front.grab() is None


def test_a_repeated_number_or_time_is_no_new_frame(context: core.Context, plug: Plug) -> None:
    film = Film(camera := plug("101"))
    with open_front(context, "101", film) as front:
        drain(front)
        camera.send_color(picture(1), 9000, 300_000.0)
        assert front.grab() is not None
        camera.send_color(picture(2), 9000, 300_033.0)
        assert front.grab() is None
        camera.send_color(picture(3), 9001, 300_033.0)
        assert front.grab() is not None
        camera.send_color(picture(4), 9002, 300_033.0)
        assert front.grab() is None
        camera.send_color(picture(5), 9003, 300_066.0)
        assert front.grab() is not None


def test_a_frame_that_waited_is_as_old_as_its_sensor_says(context: core.Context, plug: Plug) -> None:
    film = Film(camera := plug("101"))
    with open_front(context, "101", film) as front:
        drain(front)
        camera.send_color(picture(1), 9000, 300_000.0)
        first = front.grab()
        time.sleep(0.5)
        camera.send_color(picture(2), 9001, 300_100.0)
        second = front.grab()
    assert first is not None
    assert second is not None
    assert second[0] - first[0] == pytest.approx(100e6, abs=2e3)
    assert second[0] < time.monotonic_ns() - 0.35e9


@pytest.mark.parametrize("domain", [SYSTEM_TIME, GLOBAL_TIME])
def test_wall_clock_stamps_become_monotonic(context: core.Context, plug: Plug, domain: int) -> None:
    film = Film(camera := plug("101"))
    with open_front(context, "101", film) as front:
        drain(front)
        taken_ns, wall_ms = time.monotonic_ns() - 40_000_000, time.time_ns() / 1e6 - 40.0
        camera.send_color(picture(1), 9000, wall_ms, domain)
        seen = front.grab()
    assert seen is not None
    assert seen[0] == pytest.approx(taken_ns, abs=5e6)


def test_the_middle_of_the_exposure_counts_not_the_readout(context: core.Context, plug: Plug) -> None:
    film = Film(camera := plug("101"))
    with open_front(context, "101", film) as front:
        drain(front)
        camera.set_metadata(FRAME_TIMESTAMP, 300_000_000)
        camera.set_metadata(SENSOR_TIMESTAMP, 299_988_000)
        before_ns = time.monotonic_ns()
        camera.send_color(picture(1), 9000, 300_000.0)
        seen = front.grab()
        after_ns = time.monotonic_ns()
    assert seen is not None
    assert before_ns <= seen[0] + 12_000_000 <= after_ns


def test_depth_lies_on_the_colours(context: core.Context, plug: Plug) -> None:
    """The depth sensor is 100 mm to the right: at 1 m and f = 64 px what it sees lies 6.4 px further right."""
    camera = plug("101", depth=True, baseline_m=0.1)
    film = Film(camera, depth=True)
    depth = np.zeros((HEIGHT, WIDTH), np.uint16)
    depth[20:30, 10:20] = 1000
    with open_front(context, "101", film, depth=True) as front:
        drain(front)
        seen = None
        number = film.number + 100
        while not isinstance(seen, tuple) or seen[3] is None or seen[3].max() != 1000:
            number += 1
            camera.send_depth(depth, number, number * 1000.0 / FPS)
            camera.send_color(picture(number), number, number * 1000.0 / FPS)
            seen = front.grab_with_depth()
    aligned, unit_m = seen[3], seen[4]
    assert unit_m == pytest.approx(0.001)
    assert aligned.shape == (HEIGHT, WIDTH)
    rows, columns = np.nonzero(aligned)
    assert set(aligned[rows, columns]) == {1000}
    assert abs(rows.mean() - 24.5) <= 1.0
    assert abs(columns.mean() - (14.5 + 6.4)) <= 1.0


def test_depth_and_colour_are_of_one_moment(context: core.Context, plug: Plug) -> None:
    film = Film(plug("101", depth=True), depth=True)
    pairs = 0
    with open_front(context, "101", film, depth=True) as front:
        for _ in range(60):
            film()
            seen = front.grab_with_depth()
            if not isinstance(seen, tuple):
                continue
            assert seen[3] is not None
            number = int(seen[3][HEIGHT // 2, WIDTH // 2]) - 500
            assert np.array_equal(seen[2], picture(number))
            pairs += 1
    assert pairs >= 20


@pytest.mark.parametrize("size", [48, 24, 20, 16, 7])
def test_the_square_is_the_box_average(context: core.Context, plug: Plug, size: int) -> None:
    film = Film(plug("101"))
    settings = RealsenseSettings(mode=(HEIGHT, WIDTH), crop_to_square=True, warm_up_frames=0)
    (front,) = open_realsense({"front": "101"}, (CameraProfile("front", size, size),), settings, context=context)
    with feeding(film):
        front.open()
    drain(front)
    film()
    seen = front.grab()
    front.close()
    assert seen is not None
    square = picture(film.number)[:, 8:56].astype(np.float64)
    parts = square.repeat(size, axis=0).repeat(size, axis=1)
    expected = np.floor(parts.reshape(size, 48, size, 48, 3).mean(axis=(1, 3)) + 0.5)
    assert np.array_equal(seen[2], expected.astype(np.uint8))
    if 48 % size != 0:  # Pillow's box counts source pixels whole or not at all
        return
    image = pytest.importorskip("PIL.Image")
    peer = image.fromarray(square.astype(np.uint8)).resize((size, size), image.Resampling.BOX)
    assert np.abs(np.asarray(peer).astype(int) - seen[2]).max() <= 1


def drain(front: core.RealsenseCamera) -> None:
    while front.grab() is not None:
        pass
