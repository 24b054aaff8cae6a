"""What an evaluation needs of a simulator. The protocol, the players and the recorder know nothing else of it."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class Episode(Protocol):
    """One trial, described by values: it travels to other processes and is set up there."""

    @property
    def seed(self) -> int:
        """Draws the scene, and the noise that a policy starts from."""

    @property
    def task(self) -> str:
        """What is to be done, in the world's canonical words."""


class Simulation(Protocol):
    """One scene with its robot. `reset` comes before anything else."""

    @property
    def instruction(self) -> str:
        """What the policy is told."""

    @property
    def steps(self) -> int:
        """Action rows carried out since the reset."""

    @property
    def max_steps(self) -> int:
        """Rows after which this episode counts as failed."""

    def reset(self, episode: Any) -> None:
        """Set up one of this world's episodes; the same one gives the same scene, bit for bit, whatever came before."""

    def step(self, row: npt.ArrayLike) -> bool:
        """Carry out one row, float [A] in the order of `World.action`; whether the task is done now."""

    def state(self) -> Floats:
        """What the robot measures, float32 [S] in the order of `World.state`."""

    def image(self, camera: str, size: int) -> npt.NDArray[np.uint8]:
        """What one of `World.cameras` sees: RGB uint8 [size, size, 3]."""

    def expert_row(self) -> Floats:
        """What the scripted expert would do now, float32 [A].

        Raises:
            SimulationError: This world has no scripted expert.
        """

    def close(self) -> None:
        """Free what this simulation alone holds."""


class Stage(Protocol):
    """One process's simulations of a world, with what they share: renderers, compiled scenes."""

    def simulation(self) -> Simulation:
        """One more simulation."""

    def close(self) -> None:
        """Free what is shared, after the simulations."""


class World(Protocol):
    """A simulator with its suites. Small and picklable: the simulator itself is loaded by `stage`."""

    @property
    def name(self) -> str:
        """As on the command line."""

    @property
    def cameras(self) -> tuple[str, ...]:
        """Roles that a policy may see, each square and of any size; the first is recorded by default."""

    @property
    def state(self) -> tuple[str, ...]:
        """Measured channels; a policy may do with some of them."""

    @property
    def action(self) -> tuple[str, ...]:
        """Commanded channels; a policy commands all of them."""

    @property
    def dt_s(self) -> tuple[float, ...]:
        """Seconds per action row. Further values are those under which data of this world is published by mistake."""

    @property
    def suites(self) -> tuple[str, ...]:
        """Names of the suites."""

    @property
    def most_beside(self) -> int:
        """Simulations that one process should hold at a time, for the sake of memory; no outcome depends on it."""

    def canonical(self, words: str) -> str:
        """The one way to say a skill, however it was said.

        Raises:
            SimulationError: There is no such skill.
        """

    def episodes(self, suite: str, skill: str, n: int, seed: int) -> Sequence[Episode]:
        """The first n episodes of a suite about a skill, the same for every policy.

        Raises:
            SimulationError: There is no such suite or skill.
        """

    def demonstrations(self, skill: str, n: int, seed: int, first: int = 0) -> Sequence[Episode]:
        """Episodes number `first` … `first + n` to demonstrate a skill in: drawn as those of "id", never the same.

        Raises:
            SimulationError: There is no such skill, or nobody here who could demonstrate it.
        """

    def pretraining(self, n: int, seed: int, first: int = 0, without: str | None = None) -> Sequence[Episode]:
        """Episodes number `first` … `first + n` of the mix that a base is trained on, without one skill.

        Raises:
            SimulationError: There is no such skill or no such mix.
        """

    def stage(self) -> Stage:
        """Load the simulator.

        Raises:
            RetainError: It is not installed, or not as it must be.
        """
