"""LeRobot opens what we write. Skipped where it is not installed; docs/lerobot.md makes such an environment."""

from dataclasses import asdict

import numpy as np
import pytest
from retain.data import Dataset, describe

from .. import installed_lerobot  # noqa: TID252 (tests are no package that could be named)
from .episodes import CAMERA, STATE, episode, features, write
from .old_version import write_old

pytestmark = installed_lerobot.marks


@pytest.fixture(scope="module")
def lerobot_dataset():
    installed_lerobot.prepare_import()
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    return LeRobotDataset


def open_with(lerobot_dataset, path, monkeypatch, **options):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(path.parent / "cache"))
    return lerobot_dataset("toy/set", root=path, **options)


def test_lerobot_reads_every_frame_task_and_statistic_of_an_image_dataset(tmp_path, lerobot_dataset, monkeypatch):
    episodes = write(tmp_path / "set", (5, 9, 3), data_file_mb=0.002)
    theirs = open_with(lerobot_dataset, tmp_path / "set", monkeypatch)
    assert (theirs.num_episodes, theirs.num_frames, theirs.fps) == (3, 17, 10)
    tasks = ["lift the cup"] * 5 + ["push the cup"] * 9 + ["lift the cup"] * 3
    for index in range(17):
        item = theirs[index]
        for name in (STATE, "action"):
            np.testing.assert_array_equal(item[name].numpy(), np.concatenate([e[name] for e in episodes])[index])
        picture = np.rint(item[CAMERA].numpy().transpose(1, 2, 0) * 255)
        np.testing.assert_array_equal(picture, np.concatenate([e[CAMERA] for e in episodes])[index])
        assert item["task"] == tasks[index]
    mean = np.concatenate([e["action"] for e in episodes]).mean(0)
    np.testing.assert_allclose(theirs.meta.stats["action"]["mean"], mean, rtol=1e-5)
    assert theirs.meta.stats[CAMERA]["mean"].shape == (3, 1, 1)


def test_lerobot_cuts_chunks_of_actions_at_episode_ends(tmp_path, lerobot_dataset, monkeypatch):
    episodes = write(tmp_path / "set", (5, 9))
    theirs = open_with(lerobot_dataset, tmp_path / "set", monkeypatch, delta_timestamps={"action": [0.0, 0.1, 0.2]})
    item = theirs[3]
    np.testing.assert_array_equal(item["action"][:2].numpy(), episodes[0]["action"][3:5])
    assert item["action_is_pad"].tolist() == [False, False, True]


def test_lerobot_reads_every_frame_of_a_video_dataset(tmp_path, lerobot_dataset, monkeypatch):
    episodes = write(tmp_path / "set", (20, 15, 10), dtype="video", size=64)
    theirs = open_with(lerobot_dataset, tmp_path / "set", monkeypatch)
    original = np.concatenate([e[CAMERA] for e in episodes])
    for index in range(45):
        picture = theirs[index][CAMERA].numpy().transpose(1, 2, 0) * 255
        assert np.abs(picture - original[index]).mean() < 6


@pytest.mark.parametrize("dtype", ["image", "video"])
def test_we_read_what_lerobot_writes(tmp_path, lerobot_dataset, monkeypatch, dtype):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    theirs = lerobot_dataset.create(
        "toy/set",
        fps=10,
        root=tmp_path / "set",
        robot_type="toy",
        features={name: asdict(feature) for name, feature in features(dtype, 64).items()},
    )
    episodes = [episode(length, seed, 64) for seed, length in enumerate((6, 4, 5))]
    for frames in episodes:
        for index in range(len(frames["action"])):
            theirs.add_frame({name: values[index] for name, values in frames.items()} | {"task": "lift the cup"})
        theirs.save_episode()
    theirs.finalize()
    ours = Dataset(tmp_path / "set")
    assert ours.task_texts == ["lift the cup"] * 15
    np.testing.assert_array_equal(ours.column("action"), np.concatenate([e["action"] for e in episodes]))
    off = np.abs(ours.images(CAMERA) - np.concatenate([e[CAMERA] for e in episodes]).astype(int))
    assert off.mean(axis=(1, 2, 3)).max() < (6 if dtype == "video" else 1e-9)
    assert describe(ours).problems == ()


@pytest.mark.parametrize("dtype", ["image", "video"])
def test_lerobot_converts_an_old_dataset_to_what_we_read_of_it(tmp_path, lerobot_dataset, monkeypatch, dtype):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    from lerobot.datasets.v30.convert_dataset_v21_to_v30 import convert_dataset

    write_old(tmp_path / "toy/set", (12, 20, 7), dtype=dtype, size=64)
    convert_dataset("toy/set", root=tmp_path, push_to_hub=False)  # in place; the old one is kept beside it
    old, new = Dataset(tmp_path / "toy/set_old"), Dataset(tmp_path / "toy/set")
    assert (old.version, new.version) == ("v2.1", "v3.0")
    assert (old.task_texts, old.fps, old.robot_type) == (new.task_texts, new.fps, new.robot_type)
    np.testing.assert_array_equal(old.episode_bounds, new.episode_bounds)
    for name in (STATE, "action", "timestamp", "index"):
        np.testing.assert_array_equal(old.column(name), new.column(name))
    np.testing.assert_array_equal(old.images(CAMERA), new.images(CAMERA))
    for name, statistics in old.stats.items():
        for key in ("min", "max", "mean", "std"):
            np.testing.assert_allclose(statistics[key], new.stats[name][key], atol=1e-6, err_msg=f"{name} {key}")
    assert describe(old).findings == ()
    assert describe(new).problems == ()
