"""An expert's episodes as frames: what the robot saw, where it was, what the expert would do there."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from retain.sim.experts import CupCommand, expert_command, joint_action
from retain.sim.recording import Recording, recorded_in_processes
from retain.sim.suites import Episode
from retain.sim.tabletop import MAX_STEPS, Tabletop

IMAGE: Final = "observation.images.front"
STATE: Final = "observation.state"
ACTION: Final = "action"

TAIL_STEPS: Final = 5
"""Steps recorded after success: what to do when it is done."""


def record_episode(sim: Tabletop, episode: Episode, noise: float = 0.0) -> Recording:
    """Let the expert do an episode.

    Args:
        sim: Is reset to the episode.
        episode: What to do.
        noise: Standard deviation, in m per axis and step, of what is added to the executed motion of the cup. The
            recorded action is the expert's clean one, so the frames show how to come back from small errors.
    """
    sim.reset(episode.skill, episode.variation, episode.seed)
    rng = np.random.default_rng([episode.seed, 1])
    images, states, actions = [], [], []
    done_at: int | None = None
    while (sim.steps < MAX_STEPS) if done_at is None else (sim.steps < done_at + TAIL_STEPS):
        command = expert_command(sim)
        action = executed = joint_action(sim, command)
        images.append(sim.image())
        states.append(sim.state())
        actions.append(action)
        if noise and done_at is None:
            astray = CupCommand(command.position + rng.normal(0.0, noise, 3), command.suction)
            executed = joint_action(sim, astray)
        if sim.step(executed) and done_at is None:
            done_at = sim.steps
    return Recording(
        task=sim.instruction,
        frames={IMAGE: np.array(images), STATE: np.array(states), ACTION: np.array(actions)},
        success=done_at is not None,
        steps=done_at or sim.steps,
    )


_worker: dict[str, Tabletop] = {}


def record_episodes(jobs: Sequence[tuple[Episode, float]], size: int, workers: int) -> Iterator[Recording]:
    """Record many episodes, in order.

    Args:
        jobs: Episodes with the noise of each.
        size: Height and width of the pictures.
        workers: Processes; with 1 everything happens in this one.
    """
    if workers == 1:
        sim = Tabletop(size)
        try:
            for episode, noise in jobs:
                yield record_episode(sim, episode, noise)
        finally:
            sim.close()
        return
    yield from recorded_in_processes(_record_in_worker, jobs, workers=workers, start=_start_worker, arguments=(size,))


def _start_worker(size: int) -> None:
    _worker["sim"] = Tabletop(size)


def _record_in_worker(job: tuple[Episode, float]) -> Recording:
    return record_episode(_worker["sim"], *job)
