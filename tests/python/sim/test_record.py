import numpy as np
from retain.sim import DEMO_SKILL, Tabletop, demonstrations, pretraining, record_episode, record_episodes
from retain.sim.record import ACTION, IMAGE, STATE, TAIL_STEPS
from retain.sim.success import goal_of


def test_a_recording_has_one_row_per_step_and_a_tail(sim: Tabletop) -> None:
    recording = record_episode(sim, demonstrations(DEMO_SKILL, 1, seed=0)[0])
    length = recording.steps + TAIL_STEPS
    assert recording.success
    assert recording.frames[IMAGE].shape == (length, 64, 64, 3)
    assert recording.frames[STATE].shape == recording.frames[ACTION].shape == (length, 7)
    assert {recording.frames[key].dtype for key in (STATE, ACTION)} == {np.dtype(np.float32)}
    assert recording.frames[IMAGE].dtype == np.uint8


def test_recorded_actions_replayed_from_the_same_start_do_the_task(sim: Tabletop) -> None:
    episode = demonstrations(DEMO_SKILL, 1, seed=1)[0]
    recording = record_episode(sim, episode)
    sim.reset(episode.skill, episode.variation, episode.seed)
    successes = [sim.step(action) for action in recording.frames[ACTION]]
    assert successes[recording.steps - 1]


def test_noise_changes_the_way_and_not_the_start(sim: Tabletop) -> None:
    episode = pretraining(1, seed=0)[0]
    clean, noisy = record_episode(sim, episode), record_episode(sim, episode, noise=0.01)
    assert np.array_equal(clean.frames[STATE][0], noisy.frames[STATE][0])
    assert np.array_equal(clean.frames[ACTION][0], noisy.frames[ACTION][0])
    assert not np.array_equal(clean.frames[STATE][1], noisy.frames[STATE][1])


def test_two_processes_record_the_same_as_one() -> None:
    jobs = [(episode, 0.01) for episode in pretraining(4, seed=5)]
    alone, shared = (list(record_episodes(jobs, 64, workers)) for workers in (1, 2))
    for one, two in zip(alone, shared, strict=True):
        assert one.task == two.task
        assert all(np.array_equal(one.frames[key], two.frames[key]) for key in one.frames)


def test_after_success_the_expert_stays_successful(sim: Tabletop) -> None:
    episode = demonstrations(DEMO_SKILL, 1, seed=2)[0]
    record_episode(sim, episode)
    assert sim.success()
    goal = goal_of(DEMO_SKILL, np.zeros(2))
    assert goal is not None
    assert np.linalg.norm(sim.block[:2] - goal) < 0.04
