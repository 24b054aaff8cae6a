"""Where jobs are done: in this process, in several, or on a Ray cluster. The outcomes are the same."""

from collections.abc import Sequence
from contextlib import closing
from typing import Protocol

from retain.evaluate.jobs import Done, Finished, Job
from retain.evaluate.on_ray import RayCluster
from retain.evaluate.processes import Processes
from retain.evaluate.this_process import ThisProcess
from retain.worlds import TABLETOP, World


class Executor(Protocol):
    """Does jobs, several at once where it can."""

    @property
    def workers(self) -> int:
        """How many jobs it does at once."""

    def run(self, jobs: Sequence[Job], done: Done, finished: Finished) -> None:
        """Carry out jobs. Left by an error or Ctrl-C, nothing goes on in the background.

        Args:
            jobs: In an order in which neighbours share a policy.
            done: Receives each job's outcomes, in any order.
            finished: Called with the number of episodes just done, while they are played.

        Raises:
            EvaluationError: A worker died.
        """

    def close(self) -> None:
        """Free what it holds."""


def executor(*, world: World, workers: int, sims: int, ray: str | None) -> Executor:
    """What does jobs as asked for; to be closed.

    Args:
        world: Where the episodes are played.
        workers: Processes; 1 means this one.
        sims: Simulations beside each other per process.
        ray: Address of a Ray cluster that does the jobs instead, "local" for one on this machine with `workers`
            processors.

    Raises:
        MissingExtraError: Ray is asked for and not installed.
        EvaluationError: The cluster cannot be reached.
    """
    if ray is not None:
        return RayCluster(world, sims, ray, workers)
    return ThisProcess(world, sims) if workers == 1 else Processes(world, sims, workers)


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
    """Carry out jobs as they are; arguments as in `executor` and `Executor.run`."""
    with closing(executor(world=world, workers=workers, sims=sims, ray=ray)) as where:
        where.run(jobs, done, finished)
