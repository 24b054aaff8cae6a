"""The recorder that every world shares, on the tabletop, which is always here."""

import numpy as np
import pytest
from retain.sim import DEMO_SKILL, Tabletop, demonstrations, record_episode
from retain.worlds import TABLETOP
from retain.worlds.record import Recorder, record_episodes


@pytest.fixture
def recorder():
    recorder = Recorder(TABLETOP, ["front"], 32)
    yield recorder
    recorder.close()


def test_frames_are_what_was_seen_before_each_action(recorder):
    episode = demonstrations(DEMO_SKILL, 1, seed=0)[0]
    recording = recorder.record(episode)
    sim = Tabletop(32)
    expected = record_episode(sim, episode)
    sim.close()
    assert (recording.task, recording.success, recording.steps) == (expected.task, True, expected.steps)
    assert set(recording.frames) == set(expected.frames)
    for name, frames in recording.frames.items():
        assert len(frames) == recording.steps + 2  # a quarter of a second more, at ten rows a second
        np.testing.assert_array_equal(frames, expected.frames[name][: len(frames)])


def test_an_episode_is_recorded_alike_after_another_one_and_in_another_process(recorder):
    first, second = demonstrations(DEMO_SKILL, 2, seed=0)
    recorder.record(first)
    here = recorder.record(second)
    there = list(record_episodes(TABLETOP, [(first, 0.0), (second, 0.0)], ["front"], 32, workers=2))[1]
    for name, frames in here.frames.items():
        np.testing.assert_array_equal(frames, there.frames[name])
