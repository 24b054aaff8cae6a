import numpy as np
import pytest
from retain.errors import DatasetError
from retain.finetune.chunks import read_frames, relative_rows
from retain.finetune.scratch import scratch_policy

from .conftest import record


@pytest.fixture
def spec(dataset, sizes):
    return scratch_policy(dataset, sizes, seed=0)[0].spec


def test_a_chunk_is_what_followed_and_then_stays_at_the_episodes_last_action(dataset, spec):
    frames = read_frames(dataset, spec)
    actions, episode = dataset.column("action"), dataset.episode_index
    rows = frames.rows(np.arange(len(frames)), spec.horizon)
    for frame in range(len(frames)):
        own = actions[frame:][episode[frame:] == episode[frame]]
        expected = np.vstack([own, np.repeat(own[-1:], spec.horizon, axis=0)])[: spec.horizon]
        np.testing.assert_array_equal(rows[frame], expected)


def test_relative_rows_are_relative_for_joints_and_absolute_for_the_switch(dataset, spec):
    frames = read_frames(dataset, spec)
    rows = relative_rows(frames, spec).reshape(len(frames), spec.horizon, 3)
    np.testing.assert_allclose(rows[:, 0, :2], frames.actions[:, :2] - frames.state[:, :2], atol=1e-6)
    np.testing.assert_array_equal(rows[:, 0, 2], frames.actions[:, 2])


def test_channels_are_matched_by_name(dataset, spec, tmp_path):
    swapped = record(tmp_path / "swapped", joints=("wrist", "elbow"))
    frames = read_frames(swapped, spec)
    np.testing.assert_array_equal(frames.state, swapped.column("observation.state")[:, [1, 0, 2]])
    np.testing.assert_array_equal(frames.actions, swapped.column("action")[:, [1, 0, 2]])


def test_a_missing_channel_is_named(spec, tmp_path):
    other = record(tmp_path / "other", joints=("elbow", "gripper"))
    with pytest.raises(DatasetError, match="lacks the channel wrist"):
        read_frames(other, spec)


def test_a_dataset_at_another_rate_is_refused(dataset, spec):
    dataset.fps = 30
    with pytest.raises(DatasetError, match="30 frames/s, the policy acts at 10 Hz"):
        read_frames(dataset, spec)


def test_scratch_reads_channels_units_and_statistics_off_the_data(dataset, sizes):
    policy, frames = scratch_policy(dataset, sizes, seed=0)
    modes = [(channel.name, channel.unit, channel.mode, channel.interpolation) for channel in policy.spec.action]
    assert modes == [
        ("elbow", "rad", "delta", "linear"),
        ("wrist", "rad", "delta", "linear"),
        ("suction", "1", "absolute", "hold"),
    ]
    state = policy.spec.normalization.state
    np.testing.assert_allclose(state.offset, frames.state.mean(0), rtol=1e-5)
    normalized = policy.spec.normalization.action.normalize(relative_rows(frames, policy.spec))
    np.testing.assert_allclose(normalized.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(normalized.std(0), 1, atol=1e-4)
