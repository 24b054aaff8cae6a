"""LIBERO's tasks, as the installed benchmark lists them, and the episodes of each suite."""

import contextlib
import importlib.util
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from retain.errors import SimulationError
from retain.sim.suites import episode_seed

if TYPE_CHECKING:
    from types import ModuleType

MAX_STEPS: Final = {
    "libero_spatial": 280,
    "libero_object": 280,
    "libero_goal": 300,
    "libero_10": 520,
    "libero_90": 400,
}
"""Official suite → steps after which an episode has failed, as openpi and LeRobot count: a little more than the longest
demonstration takes."""

SUITES: Final = ("id", "generalist", *MAX_STEPS)


@dataclass(frozen=True)
class LiberoTask:
    """One task.

    Attributes:
        suite: The official suite that it belongs to.
        index: Its number there.
        name: Such as KITCHEN_SCENE10_close_the_top_drawer_of_the_cabinet, unique.
        language: What the robot is told.
    """

    suite: str
    index: int
    name: str
    language: str


@dataclass(frozen=True)
class LiberoEpisode:
    """One trial.

    Attributes:
        of: The task.
        start: Which of the task's official initial states; beyond their number they are gone through again.
        seed: Draws what the states leave open, and the noise that a policy starts from.
    """

    of: LiberoTask
    start: int
    seed: int

    @property
    def task(self) -> str:
        """The task's name."""
        return self.of.name


def load() -> "ModuleType":
    """Import LIBERO's lists of tasks.

    Raises:
        SimulationError: LIBERO is not installed, or would stop here to ask a question.
    """
    if importlib.util.find_spec("libero") is None:
        raise SimulationError(
            "LIBERO is not installed; it wants an older mujoco than the tabletop, so give it an environment of its own,"
            " run: python -m venv libero && libero/bin/pip install 'retain-vla[train,libero]'"
        )
    settings = Path(os.environ.get("LIBERO_CONFIG_PATH", Path.home() / ".libero")) / "config.yaml"
    if not settings.is_file():
        raise SimulationError(
            f"{settings} is missing: LIBERO asks once where data shall lie; run: python -c 'import libero.libero'"
        )
    import libero.libero.benchmark

    module: ModuleType = libero.libero
    return module


@cache
def all_tasks() -> tuple[LiberoTask, ...]:
    """Every task of the five official suites."""
    benchmarks = load().benchmark.get_benchmark_dict()
    tasks: list[LiberoTask] = []
    for suite in MAX_STEPS:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints the order of its tasks
            listed = benchmarks[suite]().tasks
        tasks += [LiberoTask(suite, index, task.name, task.language) for index, task in enumerate(listed)]
    return tuple(tasks)


def parse_task(words: str, tasks: Sequence[LiberoTask]) -> LiberoTask:
    """The task of a name, or of a sentence that is said of one task only.

    Raises:
        SimulationError: None, or several.
    """
    said = " ".join(words.split())
    found = [task for task in tasks if task.name == said] or [
        task for task in tasks if task.language.lower() == said.lower()
    ]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(task.name for task in found)
        raise SimulationError(f"{words!r} is said of {len(found)} tasks; give the name of one: {names}")
    raise SimulationError(f"LIBERO has no task {words!r}; expected a name or a sentence such as {tasks[0].language!r}")


def suite_tasks(suite: str, target: LiberoTask, tasks: Sequence[LiberoTask]) -> list[LiberoTask]:
    """The tasks of a suite; episodes go through them in turn.

    "id" is the target, "generalist" the other tasks of its official suite, the rest are the official suites.

    Raises:
        SimulationError: There is no such suite.
    """
    if suite not in SUITES:
        raise SimulationError(f"LIBERO has no suite {suite!r}; expected one of {', '.join(SUITES)}")
    if suite == "id":
        return [target]
    if suite == "generalist":
        return [task for task in tasks if task.suite == target.suite and task != target]
    return [task for task in tasks if task.suite == suite]


def episodes(suite: str, target: LiberoTask, tasks: Sequence[LiberoTask], n: int, seed: int) -> list[LiberoEpisode]:
    """The first n episodes of a suite: every task from its first initial state, then every task from its second …"""
    cases = suite_tasks(suite, target, tasks)
    return [
        LiberoEpisode(cases[index % len(cases)], index // len(cases), episode_seed(f"libero {suite}", seed, index))
        for index in range(n)
    ]
