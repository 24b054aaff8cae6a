"""Pieces of an evaluation that can be done anywhere, and what does one: simulations and the policy used last."""

from collections.abc import Callable
from dataclasses import dataclass

from retain.evaluate.player import Player
from retain.evaluate.rollout import Arena, Outcome, run_episodes
from retain.evaluate.source import Source
from retain.worlds import Episode, World


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


class Worker:
    """Does one job after the other.

    Args:
        world: Where the episodes are played.
        sims: Simulations beside each other.
    """

    def __init__(self, world: World, sims: int) -> None:
        self._world, self._source = world, None  # type: tuple[World, Source | None]
        self._player: Player | None = None
        self.arena = Arena(world, sims)

    def run(self, job: Job, finished: Callable[[], None] | None = None) -> list[Outcome]:
        """Outcomes in the order of the job's episodes; the policy is opened only if it is another one than before."""
        if self._player is None or self._source != job.source:
            self._source, self._player = job.source, job.source.open(self._world)
        return run_episodes(self._player, [episode for _, episode in job.episodes], self.arena, finished)
