"""Pieces of an evaluation that can be done anywhere, and what does one: simulations and the policy used last."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from retain.evaluate.player import Player
from retain.evaluate.rollout import Arena, Outcome, run_episodes
from retain.evaluate.source import Source
from retain.worlds import Episode, World

MOST_EPISODES = 50
"""Of a piece. Many keep the simulations of a worker busy; few lose little when a run is killed."""


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
"""Called where the evaluation was asked for, for each finished job."""

Finished = Callable[[int], None]
"""Called where the evaluation was asked for, with the number of episodes just done, those of unfinished jobs too."""


def cut(jobs: Iterable[Job], workers: int) -> list[Job]:
    """Cut jobs into pieces of nearly the same size, so that all workers end at about the same time.

    Args:
        jobs: Of any size, in an order in which neighbours share a policy.
        workers: How many do jobs at once.

    Returns:
        Pieces in the order of the jobs, of `MOST_EPISODES` at most; none for a job without episodes.
    """
    jobs = list(jobs)
    total = sum(len(job.episodes) for job in jobs)
    rounds = max(1, -(-total // (workers * MOST_EPISODES)))
    most = max(1, -(-total // (workers * rounds)))
    return [replace(job, episodes=piece) for job in jobs for piece in _pieces(job.episodes, most)]


def _pieces(episodes: Sequence[tuple[int, Episode]], most: int) -> list[tuple[tuple[int, Episode], ...]]:
    count = -(-len(episodes) // most)
    bounds = [len(episodes) * part // count for part in range(count + 1)] if count else []
    return [tuple(episodes[start:end]) for start, end in pairwise(bounds)]


class Worker:
    """Does one job after the other.

    Args:
        world: Where the episodes are played.
        sims: Simulations beside each other.
    """

    def __init__(self, world: World, sims: int) -> None:
        self._world = world
        self._source: Source | None = None
        self._player: Player | None = None
        self.arena = Arena(world, sims)

    def run(self, job: Job, finished: Callable[[], None] | None = None) -> list[Outcome]:
        """Outcomes in the order of the job's episodes; the policy is opened only if it is another one than before."""
        if self._player is None or self._source != job.source:
            self._source, self._player = job.source, job.source.open(self._world)
        return run_episodes(self._player, [episode for _, episode in job.episodes], self.arena, finished)
