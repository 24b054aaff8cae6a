import json
import os
import re
import resource
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from retain.data import Dataset, DatasetWriter, describe, vector
from retain.errors import DatasetError

from .episodes import CAMERA, STATE, episode, features, write


def test_a_killed_writer_leaves_no_dataset_and_the_next_one_cleans_up(tmp_path):
    script = """
        import os, signal, numpy as np
        from retain.data import DatasetWriter, vector
        writer = DatasetWriter("set", fps=10, robot_type="toy", features={"action": vector(["x"])})
        writer.add_episode("wait", {"action": np.zeros((3, 1))})
        os.kill(os.getpid(), signal.SIGKILL)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=tmp_path, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "set").exists()
    with pytest.raises(DatasetError, match="not a dataset"):
        Dataset(tmp_path / "set")
    write(tmp_path / "set")
    assert os.listdir(tmp_path) == ["set"]  # noqa: PTH208


def test_an_exception_while_recording_leaves_nothing(tmp_path):
    def record():
        with DatasetWriter(tmp_path / "set", fps=10, robot_type="toy", features=features()) as writer:
            writer.add_episode("lift the cup", episode(4))
            raise RuntimeError("the robot stopped")

    with pytest.raises(RuntimeError, match="robot"):
        record()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", ["image", "video"])
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, dtype):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def record():
        with DatasetWriter(tmp_path / "set", fps=10, robot_type="toy", features=features(dtype)) as writer:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
            writer.add_episode("lift the cup", episode(40))

    try:
        with pytest.raises(DatasetError, match=r"set cannot be written: .*choose another place"):
            record()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_a_live_writer_is_not_swept_away_by_another(tmp_path):
    first = DatasetWriter(tmp_path / "set", fps=10, robot_type="toy", features=features())
    first.add_episode("lift the cup", episode(4))
    second = DatasetWriter(tmp_path / "set", fps=10, robot_type="toy", features=features())
    second.add_episode("lift the cup", episode(5))
    first.close()
    with pytest.raises(DatasetError, match="exists"):
        second.close()
    assert Dataset(tmp_path / "set").num_frames == 4


def test_an_existing_dataset_is_refused_and_a_foreign_directory_is_never_replaced(tmp_path):
    write(tmp_path / "set")
    with pytest.raises(DatasetError, match="exists; choose another path, or pass overwrite"):
        DatasetWriter(tmp_path / "set", fps=10, robot_type="toy", features=features())
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter1.tex").write_text("…")
    with pytest.raises(DatasetError, match="is not a dataset; it is left alone"):
        DatasetWriter(tmp_path / "thesis", fps=10, robot_type="toy", features=features(), overwrite=True)


def without(name):
    frames = episode(4)
    del frames[name]
    return frames


def with_nan():
    frames = episode(4)
    frames["action"][2, 1] = np.nan
    return frames


@pytest.mark.parametrize(
    ("frames", "sentence"),
    [
        (without("action"), "differ in action"),
        (episode(4) | {"reward": np.zeros(4)}, "differ in reward"),
        (episode(4) | {"action": np.zeros((4, 7))}, r"action has frames of shape \(7,\); expected \(3,\)"),
        (episode(4) | {"action": np.zeros((5, 3))}, "expected the same number"),
        (episode(4) | {"action": np.zeros((4, 3), "U1")}, "expected numbers"),
        (episode(0), "at least 1"),
        (episode(4) | {CAMERA: np.zeros((4, 32, 32, 3), np.float32)}, "expected uint8 RGB"),
        (with_nan(), "action is nan at frame 2, elbow"),
    ],
)
def test_a_bad_episode_is_refused_and_the_dataset_stays_as_it_was(tmp_path, frames, sentence):
    with DatasetWriter(tmp_path / "set", fps=10, robot_type="toy", features=features()) as writer:
        writer.add_episode("lift the cup", episode(4))
        with pytest.raises(DatasetError, match=sentence):
            writer.add_episode("push the cup", frames)
    dataset = Dataset(tmp_path / "set")
    assert (dataset.num_frames, dataset.tasks) == (4, ["lift the cup"])


@pytest.mark.parametrize(
    ("feature", "sentence"),
    [
        ({"timestamp": vector(["t"])}, "leave it out"),
        ({"a/b": vector(["t"])}, "column name"),
        ({"action": {"dtype": "float32", "shape": [2], "names": ["x"]}}, "1 names for 2 channels"),
        ({"action": {"dtype": "complex64", "shape": [2], "names": None}}, "dtype 'complex64'"),
        ({"action": {"shape": [2]}}, "expected a dictionary with dtype"),
        ({"image": {"dtype": "image", "shape": [8, 8, 1], "names": None}}, r"expected \(height, width, 3\)"),
        ({"image": {"dtype": "video", "shape": [7, 8, 3], "names": None}}, "needs even sizes"),
        ({}, "at least one feature"),
    ],
)
def test_a_feature_that_cannot_be_stored_is_named(tmp_path, feature, sentence):
    with pytest.raises(DatasetError, match=sentence):
        DatasetWriter(tmp_path / "set", fps=10, robot_type="toy", features=feature)
    assert list(tmp_path.iterdir()) == []


def test_a_dataset_without_episodes_is_not_written(tmp_path):
    writer = DatasetWriter(tmp_path / "set", fps=10, robot_type="toy", features=features())
    with pytest.raises(DatasetError, match="without episodes"):
        writer.close()
    assert list(tmp_path.iterdir()) == []


def test_a_version_that_is_not_read_names_those_that_are(tmp_path):
    write(tmp_path / "set")
    info = tmp_path / "set/meta/info.json"
    info.write_text(info.read_text().replace("v3.0", "v1.6"))
    with pytest.raises(DatasetError, match=r"v1\.6; those that are read are v3\.0, v2\.1"):
        Dataset(tmp_path / "set")


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"codebase_version": "v3.0"}', '{"codebase_version": "v3.0", "fps": null}']
)
def test_a_garbled_info_is_one_sentence(tmp_path, content):
    write(tmp_path / "set")
    (tmp_path / "set/meta/info.json").write_text(content)
    with pytest.raises(DatasetError, match=r"info\.json"):
        Dataset(tmp_path / "set")


@pytest.mark.parametrize("name", ["meta/tasks.parquet", "meta/episodes/chunk-000/file-000.parquet"])
@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_missing_or_truncated_metadata_are_named(tmp_path, name, damage):
    write(tmp_path / "set")
    path = tmp_path / "set" / name
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DatasetError, match="meta"):
        describe(tmp_path / "set")


def test_a_truncated_data_file_is_named(tmp_path):
    write(tmp_path / "set")
    path = tmp_path / "set/data/chunk-000/file-000.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DatasetError, match=r"file-000\.parquet cannot be read .* truncated"):
        Dataset(tmp_path / "set").column("action")


def test_a_data_file_with_garbage_inside_is_an_error_not_a_picture(tmp_path):
    write(tmp_path / "set")
    path = tmp_path / "set/data/chunk-000/file-000.parquet"
    table = pq.read_table(path)
    broken = pa.array([{"bytes": b"not a picture", "path": None}] * len(table), table.schema.field(CAMERA).type)
    pq.write_table(table.set_column(table.schema.get_field_index(CAMERA), CAMERA, broken), path)
    with pytest.raises(DatasetError, match="cannot be decoded"):
        Dataset(tmp_path / "set").images(CAMERA)


@pytest.mark.parametrize("damage", ["missing", "truncated", "text"])
def test_a_damaged_video_is_an_error_and_a_problem(tmp_path, damage):
    write(tmp_path / "set", (20, 20), dtype="video")
    path = next((tmp_path / "set/videos").rglob("*.mp4"))
    whole = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(whole[: len(whole) // 2] if damage == "truncated" else b"x" * 1000)
    with pytest.raises(DatasetError, match=r"file-000\.mp4"):
        Dataset(tmp_path / "set").images(CAMERA)
    assert "file-000.mp4" in describe(tmp_path / "set").problems[0]


def test_lost_frames_are_found(tmp_path):
    write(tmp_path / "set")
    path = tmp_path / "set/data/chunk-000/file-000.parquet"
    pq.write_table(pq.read_table(path).slice(0, 10), path)
    with pytest.raises(DatasetError, match=r"holds 10 frames; info\.json says 17"):
        Dataset(tmp_path / "set").column("action")


def test_asking_for_what_is_not_there_lists_what_is(tmp_path):
    write(tmp_path / "set")
    dataset = Dataset(tmp_path / "set")
    with pytest.raises(DatasetError, match=r"no feature 'actions'; it has .*action"):
        dataset.column("actions")
    with pytest.raises(DatasetError, match="read them with images"):
        dataset.column(CAMERA)
    with pytest.raises(DatasetError, match="read it with column"):
        dataset.images(STATE)
    with pytest.raises(DatasetError, match="frame 17 was asked for"):
        dataset.images(CAMERA, [17])


def edit_column(path, name, values):
    table = pq.read_table(path)
    column = pa.array(values, table.schema.field(name).type)
    pq.write_table(table.set_column(table.schema.get_field_index(name), name, column), path)


def test_describe_finds_dead_broken_and_mismatched_channels(tmp_path):
    write(tmp_path / "set")
    path = tmp_path / "set/data/chunk-000/file-000.parquet"
    values = pq.read_table(path)["action"].to_pylist()
    edit_column(path, "action", [[0.25, row[1] + 9, float("nan")] for row in values])
    edit_column(path, "frame_index", [0] * 17)
    described = describe(tmp_path / "set")
    problems = "\n".join(described.problems)
    assert described.remarks[0].startswith("action[shoulder] is 0.25 in every frame")
    assert re.search(r"action\[elbow\]: meta/stats.json has .* as its \w+, the frames have .*mean", problems)
    assert "action[suction] is not finite in 17 of 17 frames" in problems
    assert "frame_index does not count" in problems


def test_a_description_is_json(tmp_path):
    write(tmp_path / "set")
    described = json.loads(json.dumps(describe(tmp_path / "set").as_json()))
    assert described["episodes"] == 3
    assert described["lengths"] == [3, 5, 9]
