"""Datasets broken on purpose: each fault is found, named by its place, and nothing else is."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retain.data import Dataset, DatasetWriter, describe, vector
from retain.data.check.channels import JUMP, jumps
from retain.data.check.finding import MOST, Finding, first_few
from retain.data.video import VideoFile, choose_encoder

from .episodes import CAMERA, STATE, episode, features, write
from .old_version import write_old

DATA = "data/chunk-000/file-000.parquet"


def smooth(count, seed=0):
    """[count, 3]: sums of slow sines and a little noise, as a sensor gives them."""
    generator = np.random.default_rng(seed)
    time = np.arange(count)[:, None] / 10
    values = np.sin(time * generator.uniform(0.3, 1.0, 3) + generator.uniform(0, 6, 3))
    return (values + generator.normal(0, 0.002, (count, 3))).astype(np.float32)


def write_smooth(path, lengths=(40, 50, 45), change=None, tasks=("lift the cup",)):
    with DatasetWriter(
        path, fps=10, robot_type="toy", features={name: f for name, f in features().items() if name != CAMERA}
    ) as writer:
        for number, length in enumerate(lengths):
            frames = {STATE: smooth(length, number), "action": smooth(length, number + 50)}
            if change is not None:
                change(number, frames)
            writer.add_episode(tasks[number % len(tasks)], frames)


def edit(path, name, change):
    """Rewrite one column of a parquet file."""
    table = pq.read_table(path)
    values = table[name].to_pylist()
    change(values)
    column = pa.array(values, table.schema.field(name).type)
    pq.write_table(table.set_column(table.schema.get_field_index(name), name, column), path)


def findings(path, **options):
    return describe(path, **options).findings


def one(path, **options):
    found = findings(path, **options)
    assert len(found) == 1, [str(finding) for finding in found]
    return found[0]


def where(finding):
    return finding.severity, finding.check, finding.episode, finding.frame


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


def videos(path):
    return sorted(path.rglob("*.mp4"))


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


def encode(path, frames, fps):
    file = VideoFile(path, fps, frames.shape[1:3], choose_encoder("h264"))
    file.add(frames)
    file.close()


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


def test_another_rate_is_measured(tmp_path):
    write_smooth(tmp_path / "set")
    info = tmp_path / "set/meta/info.json"
    info.write_text(json.dumps(json.loads(info.read_text()) | {"fps": 30}))
    found = one(tmp_path / "set")
    assert where(found) == ("broken", "rate", None, None)
    assert "0.1 s, which is 10 Hz; info.json says 30 Hz" in found.message


def test_dropped_frames_are_placed(tmp_path):
    write_smooth(tmp_path / "set")

    def drop(values):
        for row in range(40 + 20, 40 + 50):
            values[row] += 0.3

    edit(tmp_path / "set" / DATA, "timestamp", drop)
    found = one(tmp_path / "set")
    assert where(found) == ("broken", "rate", 1, 20)
    assert "by up to 0.300 s" in found.message


def test_timestamps_that_stand_still_are_no_rate(tmp_path):
    write_smooth(tmp_path / "set")
    edit(tmp_path / "set" / DATA, "timestamp", lambda values: values.__setitem__(slice(None), [0.0] * 135))
    assert "timestamps advance by 0 s" in one(tmp_path / "set").message


def test_a_channel_that_never_moves_is_suspicious_not_broken(tmp_path):
    write_smooth(tmp_path / "set", change=lambda _, frames: frames[STATE].__setitem__((slice(None), 1), 0.7))
    found = one(tmp_path / "set")
    assert where(found) == ("suspicious", "channel", None, None)
    assert (found.channel, found.message) == (
        "observation.state[elbow]",
        "observation.state[elbow] is 0.7 in every frame",
    )


def test_a_glitch_is_placed_and_a_switch_is_not_one(tmp_path):
    def glitch(number, frames):
        frames[STATE][:, 2] = np.arange(len(frames[STATE])) % 20 < 10  # a gripper that opens and shuts
        if number == 1:
            frames[STATE][17, 0] += 5.0

    write_smooth(tmp_path / "set", change=glitch)
    found = findings(tmp_path / "set")
    assert [where(finding) for finding in found] == [("suspicious", "jump", 1, 17), ("suspicious", "jump", 1, 18)]
    assert {finding.channel for finding in found} == {"observation.state[shoulder]"}


def test_an_angle_that_wraps_around_is_told_from_a_lost_packet(tmp_path):
    def turn(number, frames):
        angle = np.linspace(0, 4, len(frames["action"])) + number * 0.2
        frames["action"][:, 0] = (angle + np.pi) % (2 * np.pi) - np.pi

    write_smooth(tmp_path / "set", change=turn)
    found = findings(tmp_path / "set")
    assert {finding.episode for finding in found} == {0, 1, 2}
    assert all("wraps around by one turn (rad)" in finding.mend for finding in found)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_noise_of_any_size_has_no_jumps_and_a_step_far_beyond_it_is_found(data):
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    scale, count = data.draw(st.floats(1e-3, 1e3)), data.draw(st.integers(60, 300))
    values = np.cumsum(generator.normal(0, scale, count))
    follows = np.ones(count - 1, dtype=bool)
    largest = np.abs(np.diff(values)).max()
    assert list(jumps(values, follows)) == []
    at = data.draw(st.integers(2, count - 3))
    values[at:] += 2 * JUMP * largest
    assert [row for row, _ in jumps(values, follows)] == [at - 1]
    # Between two episodes the same step means nothing.
    follows[at - 1] = False
    assert list(jumps(values, follows)) == []


@pytest.mark.parametrize(("statistic", "value"), [("mean", 3.0), ("std", 9.0), ("min", -4.0), ("max", float("nan"))])
def test_statistics_of_other_data_are_broken(tmp_path, statistic, value):
    write_smooth(tmp_path / "set")
    path = tmp_path / "set/meta/stats.json"
    stats = json.loads(path.read_text())
    stats["action"][statistic][1] = value
    path.write_text(json.dumps(stats))
    found = one(tmp_path / "set")
    assert where(found) == ("broken", "statistics", None, None)
    assert found.channel == "action[elbow]"
    assert f"as its {statistic}, the frames have" in found.message


def test_quantiles_that_were_averaged_are_only_suspicious(tmp_path):
    write_smooth(tmp_path / "set")
    path = tmp_path / "set/meta/stats.json"
    stats = json.loads(path.read_text())
    stats["action"]["q99"][0] -= 0.9
    path.write_text(json.dumps(stats))
    found = one(tmp_path / "set")
    assert (found.severity, found.check) == ("suspicious", "statistics")
    assert "average of its episodes' quantiles" in found.mend


@pytest.mark.parametrize("damage", ["missing", "of too few channels", "of the whole", "of pictures in 0 to 255"])
def test_statistics_that_do_not_fit_their_feature_are_broken(tmp_path, damage):
    write(tmp_path / "set", (12, 9, 8))
    path = tmp_path / "set/meta/stats.json"
    stats = json.loads(path.read_text())
    if damage == "missing":
        del stats["action"]
    elif damage == "of too few channels":
        stats["action"] = {name: values[:2] for name, values in stats["action"].items()}
    elif damage == "of pictures in 0 to 255":
        stats[CAMERA]["max"] = [[[255]]] * 3
    path.write_text(json.dumps(stats))
    if damage == "of the whole":
        path.unlink()
    found = one(tmp_path / "set")
    assert where(found) == ("broken", "statistics", None, None)
    assert found.file == "meta/stats.json"


def test_episodes_of_odd_length_are_suspicious(tmp_path):
    write_smooth(tmp_path / "set", (40, 41, 39, 5, 40, 300))
    found = findings(tmp_path / "set")
    assert [where(finding) for finding in found] == [
        ("suspicious", "length", 3, None),
        ("suspicious", "length", 5, None),
    ]


def test_a_task_that_nobody_shows_is_suspicious(tmp_path):
    write_smooth(tmp_path / "set", tasks=("lift the cup", "push the cup"))
    edit(tmp_path / "set" / DATA, "task_index", lambda values: values.__setitem__(slice(None), [0] * 135))
    found = one(tmp_path / "set")
    assert where(found) == ("suspicious", "task", None, None)
    assert "'push the cup' has no episode" in found.message


def test_a_task_that_is_not_listed_is_broken(tmp_path):
    write_smooth(tmp_path / "set")
    edit(tmp_path / "set" / DATA, "task_index", lambda values: values.__setitem__(slice(60, 70), [4] * 10))
    assert where(one(tmp_path / "set")) == ("broken", "task", 1, 20)


def test_frames_that_are_lost_or_repeated_are_placed(tmp_path):
    write_old(tmp_path / "set", (9, 8, 12), dtype="image")
    path = tmp_path / "set/data/chunk-000/episode_000001.parquet"
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table.slice(0, 3), table.slice(4)]), path)
    found = findings(tmp_path / "set")
    assert [(finding.check, finding.episode, finding.frame) for finding in found] == [
        ("file", None, None),
        ("index", 1, None),
        ("index", 1, 3),
    ]


def test_metadata_whose_episodes_overlap_are_broken(tmp_path):
    write_smooth(tmp_path / "set")
    edit(
        tmp_path / "set/meta/episodes/chunk-000/file-000.parquet",
        "dataset_from_index",
        lambda values: values.__setitem__(1, 30),
    )
    found = findings(tmp_path / "set")
    assert "overlap or have gaps" in found[0].message
    assert "episode 1 is 50 frames long by its length and 60 by" in found[1].message


def test_many_findings_of_a_kind_are_counted():
    many = [Finding("broken", "video", f"video {number}", "copy it", episode=number) for number in range(40)]
    told = list(first_few(iter(many)))
    assert told[:MOST] == many[:MOST]
    assert len(told) == MOST + 1
    assert told[-1].message == f"{40 - MOST} more of the same kind, next: video {MOST}"
    assert list(first_few(many[: MOST + 1])) == many[: MOST + 1]


def test_a_finding_is_json_and_a_sentence(tmp_path):
    write_smooth(tmp_path / "set", change=lambda _, frames: frames[STATE].__setitem__((slice(None), 1), 0.7))
    found = json.loads(json.dumps(describe(tmp_path / "set").as_json()))["findings"]
    assert [set(finding) for finding in found] == [{"severity", "check", "message", "mend", "channel"}]


def test_nothing_is_changed_by_looking(tmp_path):
    write(tmp_path / "set", (12, 9, 8), dtype="video")
    shutil.copytree(tmp_path / "set", tmp_path / "copy")
    describe(tmp_path / "set", every_frame=True)
    for file in (tmp_path / "copy").rglob("*"):
        if file.is_file():
            assert (tmp_path / "set" / file.relative_to(tmp_path / "copy")).read_bytes() == file.read_bytes()
    assert Dataset(tmp_path / "set").num_frames == 29


def test_an_episode_without_motion_of_a_single_frame_is_told(tmp_path):
    with DatasetWriter(tmp_path / "set", fps=10, robot_type="toy", features={"action": vector(["x"])}) as writer:
        for length in (30, 1, 31):
            writer.add_episode("push", {"action": np.linspace(0, 1, length)[:, None]})
    assert where(one(tmp_path / "set")) == ("suspicious", "length", 1, None)
    assert episode(3)["action"].shape == (3, 3)
