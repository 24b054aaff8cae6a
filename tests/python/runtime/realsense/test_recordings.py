"""Recordings as cameras: what librealsense's own recorder wrote drives the loop's camera."""

import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from retain._core import realsense as core
from retain.errors import ConfigError, DeviceError
from retain.runtime.realsense import RealsenseSettings, open_realsense

from .conftest import FRONT, HEIGHT, WIDTH, open_front, picture


def collect(front: core.RealsenseCamera, frames: int, patience_s: float = 60.0) -> list:
    seen: list = []
    end = time.monotonic() + patience_s
    while len(seen) < frames and time.monotonic() < end:
        frame = front.grab_with_depth()
        if isinstance(frame, tuple):
            seen.append((*frame, time.monotonic_ns()))
    return seen


def test_a_recording_shows_the_frames_that_were_recorded(context: core.Context, recording: Path) -> None:
    known = [picture(number) for number in range(1, 60)]
    with open_front(context, recording) as front:
        assert front.role == "front"
        seen = collect(front, 10)
    assert len(seen) == 10
    for sensor_ns, _, image, depth, _, arrived_ns in seen:
        assert image.shape == (HEIGHT, WIDTH, 3)
        assert any(np.array_equal(image, one) for one in known)
        assert depth is None
        assert sensor_ns <= arrived_ns
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(seen))


def test_depth_is_played_too(context: core.Context, recording: Path) -> None:
    with open_front(context, recording, depth=True) as front:
        seen = collect(front, 3)
    for _, _, image, depth, unit_m, _ in seen:
        number = int(depth[HEIGHT // 2, WIDTH // 2]) - 500
        assert np.array_equal(image, picture(number))
        assert unit_m == pytest.approx(0.001)


def test_a_recording_repeats_with_numbers_and_times_that_go_on(context: core.Context, recording: Path) -> None:
    with open_front(context, recording) as front:
        seen = collect(front, 90)
    assert len(seen) == 90  # more than twice its length
    assert all(a[1] < b[1] and a[0] <= b[0] for a, b in pairwise(seen))


def test_a_recording_that_does_not_repeat_falls_silent_and_is_never_lost(
    context: core.Context, recording: Path
) -> None:
    with open_front(context, recording, repeat=False, timeout_s=0.2) as front:
        first = front.grab_with_depth()
        while not isinstance(first, tuple):
            first = front.grab_with_depth()
        silent = 0
        while silent < 10:
            frame = front.grab_with_depth()
            assert frame is not False
            silent = silent + 1 if frame is None else 0


def test_it_can_be_opened_again(context: core.Context, recording: Path) -> None:
    with open_front(context, recording) as front:
        first = collect(front, 2)
        front.close()
        front.open()
        second = collect(front, 2)
    assert second[0][1] == first[-1][1] + 1
    assert second[0][0] >= first[-1][0]


def test_what_is_no_recording_is_refused(context: core.Context, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"is to play .*none\.db3, which is no file"):
        open_realsense({"front": tmp_path / "none.db3"}, FRONT, context=context)
    (tmp_path / "broken.db3").write_bytes(b"not a database" * 100)
    with pytest.raises(DeviceError, match=r"cannot play .*broken\.db3"):
        open_realsense({"front": tmp_path / "broken.db3"}, FRONT, context=context)


def test_a_recordings_exposure_cannot_be_set(context: core.Context, recording: Path) -> None:
    with pytest.raises(ConfigError, match="recording, whose exposure"):
        open_realsense({"front": recording}, FRONT, RealsenseSettings(exposure=5.0), context=context)
