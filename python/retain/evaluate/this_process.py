"""Jobs one after the other, in this process."""

from collections.abc import Sequence

from retain.evaluate.jobs import Done, Finished, Job, Worker
from retain.worlds import World


class ThisProcess:
    """See `retain.evaluate.workers.Executor`.

    Args:
        world: Where the episodes are played.
        sims: Simulations beside each other.
    """

    workers = 1

    def __init__(self, world: World, sims: int) -> None:
        self._worker = Worker(world, sims)

    def run(self, jobs: Sequence[Job], done: Done, finished: Finished) -> None:
        """Carry out jobs; see `Executor.run`."""
        for job in jobs:
            done(job, self._worker.run(job, lambda: finished(1)))

    def close(self) -> None:
        """Free the simulations."""
        self._worker.arena.close()
