"""LeRobotDataset v2.1 and v2.0 are read like v3.0."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retain.data import Dataset, describe
from retain.data.statistics import combine, vector_statistics
from retain.errors import DatasetError

from .episodes import CAMERA, JOINTS, STATE, write
from .old_version import write_old


def together(episodes, name):
    return np.concatenate([frames[name] for frames in episodes])


@settings(max_examples=8, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 7), min_size=1, max_size=6).map(tuple), version=st.sampled_from(["v2.1", "v2.0"])
)
def test_every_number_picture_and_task_is_read_back(lengths, version):
    with tempfile.TemporaryDirectory() as directory:
        episodes = write_old(Path(directory), lengths, dtype="image", version=version)
        data = Dataset(directory)
        assert (data.version, data.num_episodes, data.num_frames, data.fps) == (version, len(lengths), sum(lengths), 10)
        assert data.features["action"].names == tuple(JOINTS)
        for name in (STATE, "action"):
            np.testing.assert_array_equal(data.column(name), together(episodes, name))
        np.testing.assert_array_equal(data.images(CAMERA), together(episodes, CAMERA))
        np.testing.assert_array_equal(np.diff(data.episode_bounds, axis=1)[:, 0], lengths)
        texts = [("lift the cup", "push the cup")[number % 2] for number, n in enumerate(lengths) for _ in range(n)]
        assert data.task_texts == texts


def test_a_video_per_episode_is_found_by_frame_whatever_the_order(tmp_path):
    episodes = write_old(tmp_path / "old", (12, 20, 7), size=64)
    data = Dataset(tmp_path / "old")
    original = together(episodes, CAMERA).astype(int)
    everything = data.images(CAMERA)
    assert np.abs(everything - original).mean(axis=(1, 2, 3)).max() < 6
    chosen = np.random.default_rng(0).permutation(39)[:15]
    np.testing.assert_array_equal(data.images(CAMERA, chosen), everything[chosen])


@pytest.mark.parametrize("version", ["v2.1", "v2.0"])
@pytest.mark.parametrize("dtype", ["image", "video"])
def test_the_same_frames_are_described_the_same_in_every_version(tmp_path, version, dtype):
    write_old(tmp_path / "old", dtype=dtype, version=version)
    write(tmp_path / "new", dtype=dtype)
    old, new = describe(tmp_path / "old"), describe(tmp_path / "new")
    assert (old.version, old.findings) == (version, ())
    for name in ("episodes", "frames", "duration_s", "tasks", "lengths", "statistics"):
        assert getattr(old, name) == getattr(new, name)
    for name, statistics in Dataset(tmp_path / "old").stats.items():
        for key in ("min", "max", "mean", "std", "count"):
            expected = Dataset(tmp_path / "new").stats[name][key]
            np.testing.assert_allclose(statistics[key], expected, atol=1e-6, err_msg=f"{name} {key}")


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_statistics_of_pieces_combine_to_those_of_the_whole(data):
    lengths = data.draw(st.lists(st.integers(1, 30), min_size=1, max_size=6))
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    pieces = [generator.normal(generator.normal(0, 5), generator.uniform(0.1, 9), (length, 3)) for length in lengths]
    found = combine([{"action": vector_statistics(piece)} for piece in pieces])["action"]
    whole = vector_statistics(np.concatenate(pieces))
    for name in ("min", "max", "mean", "std", "count"):
        np.testing.assert_allclose(found[name], whole[name], rtol=1e-9, atol=1e-9)
    assert not any(name.startswith("q") for name in found)


@pytest.mark.parametrize("name", ["meta/tasks.jsonl", "meta/episodes.jsonl"])
@pytest.mark.parametrize("content", [None, "{", "[]\n", '{"other": 1}\n'])
def test_metadata_that_cannot_be_read_are_named(tmp_path, name, content):
    write_old(tmp_path / "old", dtype="image")
    if content is None:
        (tmp_path / "old" / name).unlink()
    else:
        (tmp_path / "old" / name).write_text(content)
    with pytest.raises(DatasetError, match=Path(name).name.replace(".", r"\.")):
        describe(tmp_path / "old")


def test_episodes_that_are_not_numbered_from_zero_are_refused(tmp_path):
    write_old(tmp_path / "old", dtype="image")
    path = tmp_path / "old/meta/episodes.jsonl"
    path.write_text("\n".join(path.read_text().splitlines()[1:]))
    with pytest.raises(DatasetError, match=r"lists 2 episodes; info\.json says 3"):
        _ = Dataset(tmp_path / "old").episode_bounds


def test_garbled_statistics_are_a_finding(tmp_path):
    write_old(tmp_path / "old", dtype="image")
    path = tmp_path / "old/meta/episodes_stats.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    del rows[1]["stats"]["action"]["std"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    problems = describe(tmp_path / "old").problems
    assert len(problems) == 1
    assert "episodes_stats.jsonl is garbled" in problems[0]


def test_pictures_whose_channels_are_said_to_come_first_are_read_like_the_others(tmp_path):
    episodes = write_old(tmp_path / "old", dtype="image")
    path = tmp_path / "old/meta/info.json"
    info = json.loads(path.read_text())
    info["features"][CAMERA] |= {"shape": [3, 32, 32], "names": ["channels", "height", "width"]}
    path.write_text(json.dumps(info))
    data = Dataset(tmp_path / "old")
    assert data.features[CAMERA].shape == (32, 32, 3)
    assert data.features[CAMERA].names == ("height", "width", "channels")
    np.testing.assert_array_equal(data.images(CAMERA), together(episodes, CAMERA))


@pytest.mark.parametrize("fps", [29.97, 0, "10"])
def test_a_rate_that_is_no_whole_number_is_refused(tmp_path, fps):
    write_old(tmp_path / "old", dtype="image")
    path = tmp_path / "old/meta/info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"fps": fps}))
    with pytest.raises(DatasetError, match=r"info\.json lacks or garbles fps, which is"):
        Dataset(tmp_path / "old")
