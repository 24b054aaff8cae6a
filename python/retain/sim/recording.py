"""What a recorded episode is, and how many are recorded at once. No simulator here."""

import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, resource_tracker
from typing import Any, Final

import numpy as np
import numpy.typing as npt

_WINDOW: Final = 16


@dataclass(frozen=True)
class Recording:
    """One episode.

    Attributes:
        task: The instruction.
        frames: Feature → array with the T steps first: images uint8 (T, H, W, 3), state and action float32 (T, D).
        success: Whether the skill was done within the cap.
        steps: Steps until success, or the cap.
    """

    task: str
    frames: dict[str, npt.NDArray[np.uint8] | npt.NDArray[np.float32]]
    success: bool
    steps: int


def recorded_in_processes(
    record: Callable[[Any], Recording],
    jobs: Sequence[Any],
    *,
    workers: int,
    start: Callable[..., None],
    arguments: tuple[Any, ...],
) -> Iterator[Recording]:
    """Record in other processes, in the order of the jobs.

    Args:
        record: Carries out a job; a module's function.
        jobs: What to record.
        workers: Processes.
        start: Called with `arguments` in each process before its first job.
        arguments: What a process needs to know.
    """
    # A forked child would inherit this process's OpenGL context, which cannot be shared.
    pool = ProcessPoolExecutor(workers, get_context("spawn"), start, arguments)
    resource_tracker.ensure_running()
    try:
        # Never more than a window of episodes waits to be consumed: frames are large.
        waiting: deque[Future[Recording]] = deque()
        for job in jobs:
            if len(waiting) == _WINDOW * workers:
                yield waiting.popleft().result()
            with _interrupts_blocked():
                waiting.append(pool.submit(record, job))
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
