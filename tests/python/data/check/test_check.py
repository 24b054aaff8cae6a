"""Datasets broken on purpose: each fault is found, named by its place, and nothing else is."""

import shutil

import pytest
from retain.data import Dataset, describe

from ..episodes import write  # noqa: TID252 (tests are no package that could be named)
from ..old_version import write_old  # noqa: TID252 (tests are no package that could be named)
from .sets import edit, findings, one, where


@pytest.mark.parametrize("dtype", ["image", "video"])
@pytest.mark.parametrize("every_frame", [False, True])
def test_a_healthy_dataset_has_no_findings(tmp_path, dtype, every_frame):
    write(tmp_path / "set", (12, 9, 8), dtype=dtype)
    assert findings(tmp_path / "set", every_frame=every_frame) == ()


@pytest.mark.parametrize("damage", ["no footer", "missing", "garbage"])
def test_one_broken_file_of_many_is_named_and_the_rest_is_still_checked(tmp_path, damage):
    write_old(tmp_path / "set", (9, 8, 12), dtype="image")
    path = tmp_path / "set/data/chunk-000/episode_000001.parquet"
    whole = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(whole[:-100] if damage == "no footer" else b"x" * 100)

    def break_(values):
        values[4] = [float("nan"), *values[4][1:]]

    edit(tmp_path / "set/data/chunk-001/episode_000002.parquet", "action", break_)
    file, channel = findings(tmp_path / "set")
    assert where(file) == ("broken", "file", None, None)
    assert file.file == "data/chunk-000/episode_000001.parquet"
    assert where(channel) == ("broken", "channel", 2, 4)
    assert channel.channel == "action[shoulder]"


def test_a_column_of_nulls_or_another_shape_is_a_broken_file(tmp_path):
    write_old(tmp_path / "set", (9, 8), dtype="image")
    path = tmp_path / "set/data/chunk-000/episode_000001.parquet"
    edit(path, "timestamp", lambda values: values.__setitem__(3, None))
    found = one(tmp_path / "set")
    assert found.check == "file"
    assert "'timestamp' holds 1 nulls" in found.message


def test_nothing_is_changed_by_looking(tmp_path):
    write(tmp_path / "set", (12, 9, 8), dtype="video")
    shutil.copytree(tmp_path / "set", tmp_path / "copy")
    describe(tmp_path / "set", every_frame=True)
    for file in (tmp_path / "copy").rglob("*"):
        if file.is_file():
            assert (tmp_path / "set" / file.relative_to(tmp_path / "copy")).read_bytes() == file.read_bytes()
    assert Dataset(tmp_path / "set").num_frames == 29
