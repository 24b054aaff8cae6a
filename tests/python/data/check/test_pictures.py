"""Pictures and videos that cannot be decoded, are too few, or run at another rate."""

import numpy as np
import pytest
from retain.data.video import VideoFile, choose_encoder

from ..episodes import CAMERA, write  # noqa: TID252 (tests are no package that could be named)
from ..old_version import write_old  # noqa: TID252 (tests are no package that could be named)
from .sets import edit, findings, one, where


def videos(path):
    return sorted(path.rglob("*.mp4"))


def encode(path, frames, fps):
    file = VideoFile(path, fps, frames.shape[1:3], choose_encoder("h264"))
    file.add(frames)
    file.close()


@pytest.mark.parametrize("damage", ["missing", "truncated", "text"])
def test_a_video_that_cannot_be_decoded_is_named_with_its_episode(tmp_path, damage):
    write_old(tmp_path / "set", (9, 8, 7))
    path = videos(tmp_path / "set")[1]
    whole = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(whole[: len(whole) // 2] if damage == "truncated" else b"x" * 500)
    found = one(tmp_path / "set")
    assert where(found) == ("broken", "video", 1, None)
    assert found.channel == CAMERA
    assert "episode_000001.mp4" in found.file


def test_a_video_with_fewer_frames_than_rows_is_found(tmp_path):
    episodes = write_old(tmp_path / "set", (9, 8, 7))
    encode(videos(tmp_path / "set")[2], episodes[2][CAMERA][:5], 10)
    found = one(tmp_path / "set")
    assert where(found) == ("broken", "video", 2, None)
    assert "has 5 frames; episode 2 needs 7" in found.message


def test_a_video_of_many_episodes_that_ends_early_names_those_that_it_cuts(tmp_path):
    episodes = write(tmp_path / "set", (12, 9, 8), dtype="video")
    encode(videos(tmp_path / "set")[0], np.concatenate([e[CAMERA] for e in episodes])[:19], 10)
    assert [(where(found), found.message.split("; ")[1]) for found in findings(tmp_path / "set")] == [
        (("broken", "video", 1, None), "episode 1 needs 21"),
        (("broken", "video", 2, None), "episode 2 needs 29"),
    ]


def test_a_video_at_another_rate_is_found_whatever_its_length(tmp_path):
    episodes = write_old(tmp_path / "set", (9, 8, 7))
    encode(videos(tmp_path / "set")[0], np.repeat(episodes[0][CAMERA], 3, axis=0), 30)
    found = one(tmp_path / "set")
    assert where(found) == ("broken", "video", 0, None) or where(found) == ("broken", "video", None, None)
    assert "has 30 frames/s; info.json says 10" in found.message


def test_a_picture_that_is_broken_in_the_middle_is_found_when_every_frame_is_asked_for(tmp_path):
    write_old(tmp_path / "set", (9, 8, 7), dtype="image")
    edit(
        tmp_path / "set/data/chunk-000/episode_000001.parquet",
        CAMERA,
        lambda values: values.__setitem__(4, {"bytes": b"no picture", "path": None}),
    )
    assert findings(tmp_path / "set") == ()
    assert where(one(tmp_path / "set", every_frame=True)) == ("broken", "picture", 1, None)
