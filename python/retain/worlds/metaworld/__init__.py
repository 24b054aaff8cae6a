"""Meta-World (arXiv 1910.10897) as a world: fifty tasks of one arm, with scripted experts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retain.worlds.metaworld.suites import SUITES, MetaworldEpisode, demonstrations, episodes, pretraining
from retain.worlds.metaworld.tasks import MT10, TASKS, parse_task

if TYPE_CHECKING:
    from retain.worlds.metaworld.stage import MetaworldStage

__all__ = ["MT10", "SUITES", "TASKS", "MetaworldEpisode", "MetaworldWorld", "parse_task"]


@dataclass(frozen=True)
class MetaworldWorld:
    """Targets of the hand in m and the gripper's effort, eighty rows a second."""

    name = "metaworld"
    cameras = ("corner2", "corner", "corner3", "topview", "behindGripper", "gripperPOV")
    state = ("hand_x_m", "hand_y_m", "hand_z_m", "gripper")
    action = state
    dt_s = (1 / 80,)
    suites = tuple(SUITES)
    most_beside = 16

    def canonical(self, words: str) -> str:
        """The task's name, such as push-v3."""
        return parse_task(words)

    def episodes(self, suite: str, skill: str, n: int, seed: int) -> Sequence[MetaworldEpisode]:
        """The first n episodes of a suite about a task."""
        return episodes(suite, parse_task(skill), n, seed)

    def demonstrations(self, skill: str, n: int, seed: int, first: int = 0) -> Sequence[MetaworldEpisode]:
        """Episodes in which a task may be demonstrated."""
        return demonstrations(parse_task(skill), n, seed, first)

    def pretraining(self, n: int, seed: int, first: int = 0, without: str | None = None) -> Sequence[MetaworldEpisode]:
        """Episodes of MT10, without one task, to train a base on."""
        return pretraining(n, seed, first, "" if without is None else parse_task(without))

    def stage(self) -> "MetaworldStage":
        """Load Meta-World."""
        from retain.worlds.metaworld.stage import MetaworldStage

        return MetaworldStage()
