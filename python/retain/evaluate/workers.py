"""Jobs over processes: each worker has its own simulations and keeps the policy it used last."""

import atexit
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context

from retain.errors import EvaluationError
from retain.evaluate.player import Player
from retain.evaluate.rollout import Arena, Outcome, run_episodes
from retain.evaluate.source import Source
from retain.worlds import TABLETOP, Episode, World


@dataclass(frozen=True)
class Job:
    """Episodes of one suite for one policy.

    Attributes:
        policy: The policy's name in the evaluation.
        suite: The suite's name.
        source: Opens the policy.
        episodes: What to do, each with its index in the suite.
    """

    policy: str
    suite: str
    source: Source
    episodes: tuple[tuple[int, Episode], ...]


Done = Callable[[Job, list[Outcome]], None]
"""Called in the parent for each finished job."""


@dataclass
class _Worker:
    world: World
    arena: Arena
    source: Source | None = None
    player: Player | None = None

    def run(self, job: Job, finished: Callable[[], None] | None = None) -> list[Outcome]:
        if self.player is None or self.source != job.source:
            self.source, self.player = job.source, job.source.open(self.world)
        return run_episodes(self.player, [episode for _, episode in job.episodes], self.arena, finished)


@dataclass
class _Process:
    """What a worker process keeps between jobs."""

    world: World = TABLETOP
    sims: int = 1
    worker: _Worker | None = None


_process = _Process()


def run_jobs(
    jobs: Sequence[Job],
    *,
    workers: int,
    sims: int,
    done: Done,
    finished: Callable[[int], None],
    world: World = TABLETOP,
) -> None:
    """Carry out jobs, in this process or in several.

    Args:
        jobs: In an order in which neighbours share a policy.
        workers: Processes; 1 means this one.
        sims: Simulations beside each other per process.
        done: Receives each job's outcomes, in any order.
        finished: Called with the number of episodes just done.
        world: Where the episodes are played.

    Raises:
        EvaluationError: A worker died.
    """
    if workers == 1:
        with Arena(world, sims) as arena:
            worker = _Worker(world, arena)
            for job in jobs:
                done(job, worker.run(job, lambda: finished(1)))
        return
    # Spawned, not forked: a child must not inherit threads of torch or a rendering context.
    start = (world, sims)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start, initargs=start) as pool:
        futures = {pool.submit(_run_in_process, job): job for job in jobs}
        try:
            for future in as_completed(futures):
                done(futures[future], future.result())
                finished(len(futures[future].episodes))
        except BrokenProcessPool as error:
            raise EvaluationError("a worker process died, perhaps for want of memory; try fewer --workers") from error
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _start(world: World, sims: int) -> None:
    _process.world, _process.sims = world, sims


def _run_in_process(job: Job) -> list[Outcome]:
    if _process.worker is None:
        arena = Arena(_process.world, _process.sims)
        arena.prepare(job.episodes[0][1])
        # Registered after the first picture, it runs before the renderer's own exit handler pulls the display away.
        atexit.register(arena.close)
        _process.worker = _Worker(_process.world, arena)
    return _process.worker.run(job)
