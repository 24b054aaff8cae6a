"""Where jobs are done: in this process, in several, or on a Ray cluster. The outcomes are the same."""

import atexit
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from retain.errors import EvaluationError
from retain.evaluate.jobs import Done, Job, Worker
from retain.evaluate.on_ray import run_on_ray
from retain.evaluate.rollout import Outcome
from retain.worlds import TABLETOP, World

Finished = Callable[[int], None]
"""Called with the number of episodes just done."""


def run_jobs(
    jobs: Sequence[Job],
    *,
    workers: int,
    sims: int,
    done: Done,
    finished: Finished,
    world: World = TABLETOP,
    ray: str | None = None,
) -> None:
    """Carry out jobs.

    Args:
        jobs: In an order in which neighbours share a policy.
        workers: Processes; 1 means this one.
        sims: Simulations beside each other per process.
        done: Receives each job's outcomes, in any order.
        finished: Called with the number of episodes just done.
        world: Where the episodes are played.
        ray: Address of a Ray cluster that does them instead, "local" for one on this machine with `workers` processors.

    Raises:
        EvaluationError: A worker died, or the cluster cannot be reached.
    """
    if ray is not None:
        run_on_ray(jobs, ray, workers=workers, sims=sims, done=done, finished=finished, world=world)
    elif workers == 1:
        _run_here(jobs, sims, done, finished, world)
    else:
        _run_in_processes(jobs, workers, sims, done, finished, world)


def _run_here(jobs: Sequence[Job], sims: int, done: Done, finished: Finished, world: World) -> None:
    worker = Worker(world, sims)
    with worker.arena:
        for job in jobs:
            done(job, worker.run(job, lambda: finished(1)))


def _run_in_processes(
    jobs: Sequence[Job], workers: int, sims: int, done: Done, finished: Finished, world: World
) -> None:
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


_process: dict[str, Worker] = {}
"""What a worker process keeps between jobs."""


def _start(world: World, sims: int) -> None:
    _process["worker"] = Worker(world, sims)


def _run_in_process(job: Job) -> list[Outcome]:
    worker = _process["worker"]
    if not _process.get("prepared"):
        worker.arena.prepare(job.episodes[0][1])
        # Registered after the first picture, it runs before the renderer's own exit handler pulls the display away.
        atexit.register(worker.arena.close)
        _process["prepared"] = worker
    return worker.run(job)
