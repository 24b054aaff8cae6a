"""An expert's episodes as frames: what the robot saw, where it was, what the expert would do there."""

import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, resource_tracker
from typing import Final

import numpy as np
import numpy.typing as npt

from retain.sim.experts import CupCommand, expert_command, joint_action
from retain.sim.suites import Episode
from retain.sim.tabletop import MAX_STEPS, Tabletop

IMAGE: Final = "observation.images.front"
STATE: Final = "observation.state"
ACTION: Final = "action"

TAIL_STEPS: Final = 5
"""Steps recorded after success: what to do when it is done."""


@dataclass(frozen=True)
class Recording:
    """One episode.

    Attributes:
        task: The instruction.
        frames: Feature → array with the T steps first: the image uint8 (T, H, W, 3), state and action float32 (T, 7).
        success: Whether the skill was done within the cap.
        steps: Steps until success, or the cap.
    """

    task: str
    frames: dict[str, npt.NDArray[np.uint8] | npt.NDArray[np.float32]]
    success: bool
    steps: int


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


_WINDOW: Final = 16
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
    # A forked child would inherit this process's OpenGL context, which cannot be shared.
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (size,))
    resource_tracker.ensure_running()
    try:
        # Never more than a window of episodes waits to be consumed: frames are large.
        waiting: deque[Future[Recording]] = deque()
        for job in jobs:
            if len(waiting) == _WINDOW * workers:
                yield waiting.popleft().result()
            with _interrupts_blocked():
                waiting.append(pool.submit(_record_in_worker, job))
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Processes started inside never see Ctrl-C, not even while they start: this process tells them when to stop."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _start_worker(size: int) -> None:
    _worker["sim"] = Tabletop(size)


def _record_in_worker(job: tuple[Episode, float]) -> Recording:
    return record_episode(_worker["sim"], *job)
