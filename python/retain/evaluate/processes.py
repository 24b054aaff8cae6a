"""Jobs over processes of this machine, each with its own simulations and the policy it used last."""

import atexit
import signal
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import active_children, get_context
from multiprocessing.sharedctypes import Synchronized

from retain.errors import EvaluationError
from retain.evaluate.jobs import Done, Finished, Job, Worker
from retain.evaluate.rollout import Outcome
from retain.worlds import World

_LOOK_S = 0.5
"""How often finished episodes of unfinished jobs are counted."""


class Processes:
    """See `retain.evaluate.workers.Executor`.

    Args:
        world: Where the episodes are played.
        sims: Simulations beside each other per process.
        workers: Processes.
    """

    def __init__(self, world: World, sims: int, workers: int) -> None:
        self.workers = workers
        self._world, self._sims = world, sims

    def run(self, jobs: Sequence[Job], done: Done, finished: Finished) -> None:
        """Carry out jobs; see `Executor.run`.

        Raises:
            EvaluationError: A process died.
        """
        # Spawned, not forked: a child must not inherit threads of torch or a rendering context.
        context = get_context("spawn")
        played = context.Value("q", 0)
        others = set(active_children())
        start = (self._world, self._sims, played)
        with ProcessPoolExecutor(self.workers, mp_context=context, initializer=_start, initargs=start) as pool:
            futures = {pool.submit(_run, job): job for job in jobs}
            try:
                told, waiting = 0, set(futures)
                while waiting:
                    ended, waiting = wait(waiting, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
                    for future in ended:
                        done(futures[future], future.result())
                    if (now := played.value) > told:
                        finished(now - told)
                        told = now
            except BrokenProcessPool as error:
                raise EvaluationError(
                    "a worker process died, perhaps for want of memory; try fewer --workers"
                ) from error
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                # What runs now, and what the pool has handed out ahead, would otherwise be done to the end first.
                for child in set(active_children()) - others:
                    child.terminate()
                raise

    def close(self) -> None:
        """Nothing is held between runs."""


@dataclass
class _Process:
    """What a worker process keeps between jobs."""

    worker: Worker
    played: "Synchronized[int]"
    prepared: bool = False

    def finished(self) -> None:
        with self.played.get_lock():
            self.played.value += 1


_process: list[_Process] = []
"""The one of this process, once it has started."""


def _start(world: World, sims: int, played: "Synchronized[int]") -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers
    _process.append(_Process(Worker(world, sims), played))


def _run(job: Job) -> list[Outcome]:
    (process,) = _process
    if not process.prepared:
        process.worker.arena.prepare(job.episodes[0][1])
        # Registered after the first picture, it runs before the renderer's own exit handler pulls the display away.
        atexit.register(process.worker.arena.close)
        process.prepared = True
    return process.worker.run(job, process.finished)
