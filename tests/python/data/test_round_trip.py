import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retain.data import Dataset, DatasetWriter, describe

from .episodes import CAMERA, JOINTS, STATE, episode, features, write


def together(episodes, name):
    return np.concatenate([frames[name] for frames in episodes])


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=2, max_size=6), st.sampled_from([0.002, 100.0]))
def test_what_is_written_is_read_back_bit_for_bit_in_one_file_or_many(lengths, data_file_mb):
    with tempfile.TemporaryDirectory() as directory:
        episodes = write(Path(directory) / "set", lengths, data_file_mb=data_file_mb)
        dataset = Dataset(Path(directory) / "set")
        assert (dataset.num_episodes, dataset.num_frames) == (len(lengths), sum(lengths))
        for name in (STATE, "action"):
            np.testing.assert_array_equal(dataset.column(name), together(episodes, name))
        np.testing.assert_array_equal(dataset.images(CAMERA), together(episodes, CAMERA))
        np.testing.assert_array_equal(dataset.episode_index, np.repeat(np.arange(len(lengths)), lengths))
        np.testing.assert_array_equal(np.diff(dataset.episode_bounds)[:, 0], lengths)
        assert describe(dataset).problems == ()


def test_small_files_make_several_data_files(tmp_path):
    write(tmp_path / "set", (9, 9, 9), data_file_mb=0.002)
    assert len(list((tmp_path / "set/data").rglob("*.parquet"))) == 3


def test_pictures_come_in_the_order_asked_for_repeats_included(tmp_path):
    episodes = write(tmp_path / "set")
    chosen = [16, 0, 7, 7, 3]
    np.testing.assert_array_equal(Dataset(tmp_path / "set").images(CAMERA, chosen), together(episodes, CAMERA)[chosen])
    assert Dataset(tmp_path / "set").images(CAMERA, []).shape == (0, 32, 32, 3)


@pytest.mark.parametrize("codec", ["h264", "av1"])
def test_video_comes_back_within_a_few_levels_whatever_the_order(tmp_path, codec):
    episodes = write(tmp_path / "set", (40, 25, 30), dtype="video", video_codec=codec, size=64)
    dataset = Dataset(tmp_path / "set")
    original = together(episodes, CAMERA).astype(int)
    everything = dataset.images(CAMERA)
    assert np.abs(everything - original).mean() < 5
    # A wrong frame would be off by the moving square, a hundred levels over its area.
    assert np.abs(everything - original).mean(axis=(1, 2, 3)).max() < 6
    chosen = np.random.default_rng(0).permutation(95)[:40]
    np.testing.assert_array_equal(dataset.images(CAMERA, chosen), everything[chosen])
    assert len(list((tmp_path / "set/videos").rglob("*.mp4"))) == 1


def test_a_full_video_file_is_followed_by_another(tmp_path):
    episodes = write(tmp_path / "set", (20, 20, 20), dtype="video", size=64, video_file_mb=1e-6)
    dataset = Dataset(tmp_path / "set")
    assert len(list((tmp_path / "set/videos").rglob("*.mp4"))) == 3
    assert np.abs(dataset.images(CAMERA) - together(episodes, CAMERA).astype(int)).mean(axis=(1, 2, 3)).max() < 6


def test_tasks_are_numbered_once_and_found_per_frame(tmp_path):
    write(tmp_path / "set", (2, 3, 2))
    dataset = Dataset(tmp_path / "set")
    assert dataset.tasks == ["lift the cup", "push the cup"]
    assert dataset.task_texts == ["lift the cup"] * 2 + ["push the cup"] * 3 + ["lift the cup"] * 2
    assert describe(dataset).tasks == {"lift the cup": 4, "push the cup": 3}


def test_metadata_say_what_lerobot_needs(tmp_path):
    episodes = write(tmp_path / "set")
    info = json.loads((tmp_path / "set/meta/info.json").read_text())
    assert info["codebase_version"] == "v3.0"
    assert info["fps"] == 10
    assert info["splits"] == {"train": "0:3"}
    assert info["features"][STATE] == {"dtype": "float32", "shape": [3], "names": JOINTS}
    assert info["features"][CAMERA]["names"] == ["height", "width", "channels"]
    dataset = Dataset(tmp_path / "set")
    np.testing.assert_allclose(dataset.stats["action"]["mean"], together(episodes, "action").mean(0), rtol=1e-5)
    assert dataset.stats[CAMERA]["mean"].shape == (3, 1, 1)
    assert dataset.stats["timestamp"]["max"] == pytest.approx(0.8)


def test_a_scalar_feature_is_a_flat_column(tmp_path):
    with DatasetWriter(
        tmp_path / "set",
        fps=5,
        robot_type="toy",
        features={"reward": {"dtype": "float32", "shape": [1], "names": None}},
    ) as writer:
        writer.add_episode("wait", {"reward": np.array([[0.5], [1.0]])})
    np.testing.assert_array_equal(Dataset(tmp_path / "set").column("reward"), np.float32([0.5, 1.0]))


def test_overwriting_replaces_the_whole_dataset(tmp_path):
    write(tmp_path / "set", (5, 9, 3), data_file_mb=0.002)
    with DatasetWriter(tmp_path / "set", fps=10, robot_type="toy", features=features(), overwrite=True) as writer:
        writer.add_episode("lift the cup", episode(4))
    assert Dataset(tmp_path / "set").num_frames == 4
    assert len(list((tmp_path / "set/data").rglob("*.parquet"))) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["set"]


def test_metadata_of_a_video_that_are_no_text_hide_no_picture(tmp_path):
    write(tmp_path / "set", dtype="video")
    before = Dataset(tmp_path / "set").images(CAMERA)
    for video in (tmp_path / "set").rglob("*.mp4"):
        content = video.read_bytes()
        assert b"Lavf" in content  # the muxer's name
        video.write_bytes(content.replace(b"Lavf", b"\x80avf"))
    np.testing.assert_array_equal(Dataset(tmp_path / "set").images(CAMERA), before)
    assert not [found for found in describe(Dataset(tmp_path / "set")).findings if found.severity == "broken"]
