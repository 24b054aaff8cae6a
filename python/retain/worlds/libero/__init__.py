"""LIBERO (arXiv 2306.03310) as a world: 130 tasks of one arm in five suites, where hf-libero is installed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from retain.errors import SimulationError
from retain.worlds.libero.tasks import SUITES, LiberoEpisode, LiberoTask, all_tasks, episodes, parse_task

if TYPE_CHECKING:
    from retain.worlds.libero.simulation import LiberoStage

__all__ = ["SUITES", "LiberoEpisode", "LiberoTask", "LiberoWorld"]

_NO_EXPERT = "LIBERO brings no scripted expert to record; its demonstrations are published datasets"
_POSE = ("x", "y", "z", "axis_angle1", "axis_angle2", "axis_angle3")


@dataclass(frozen=True)
class LiberoWorld:
    """Changes of the gripper's pose and its command, twenty rows a second."""

    name = "libero"
    cameras = ("image", "image2")
    state = (*_POSE, "gripper_left", "gripper_right")
    action = (*_POSE, "gripper")
    dt_s = (1 / 20, 1 / 10)
    suites = SUITES
    most_beside = 2

    def canonical(self, words: str) -> str:
        """The task's name."""
        return parse_task(words, all_tasks()).name

    def episodes(self, suite: str, skill: str, n: int, seed: int) -> Sequence[LiberoEpisode]:
        """The first n episodes of a suite."""
        return episodes(suite, parse_task(skill, all_tasks()), all_tasks(), n, seed)

    def demonstrations(self, skill: str, n: int, seed: int, first: int = 0) -> NoReturn:
        """There is nobody to demonstrate.

        Raises:
            SimulationError: Always.
        """
        raise SimulationError(_NO_EXPERT)

    def pretraining(self, n: int, seed: int, first: int = 0, without: str | None = None) -> NoReturn:
        """There is nobody to demonstrate.

        Raises:
            SimulationError: Always.
        """
        raise SimulationError(_NO_EXPERT)

    def stage(self) -> "LiberoStage":
        """Load LIBERO."""
        from retain.worlds.libero.simulation import LiberoStage

        return LiberoStage()
