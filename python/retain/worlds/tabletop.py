"""The tabletop suite as a world; everything it does is in `retain.sim`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retain.errors import SimulationError
from retain.sim import (
    CHANNELS,
    HELD_OUT,
    SUITES,
    Episode,
    demonstrations,
    episodes,
    instruction,
    parse_instruction,
    pretraining,
)
from retain.worlds.world import Floats

CAMERA = "front"


@dataclass(frozen=True)
class TabletopWorld:
    """The MuJoCo tabletop: joints in rad and suction, one camera, ten rows a second."""

    name = "tabletop"
    cameras = (CAMERA,)
    state = CHANNELS
    action = CHANNELS
    suites = tuple(SUITES)
    most_beside = 64

    @property
    def dt_s(self) -> tuple[float, ...]:
        """Of the simulator."""
        from retain.sim.tabletop import DT_S

        return (DT_S,)

    def canonical(self, words: str) -> str:
        """The canonical wording of an instruction."""
        return instruction(parse_instruction(words))

    def episodes(self, suite: str, skill: str, n: int, seed: int) -> Sequence[Episode]:
        """See `retain.sim.episodes`."""
        return episodes(suite, parse_instruction(skill), n, seed)

    def demonstrations(self, skill: str, n: int, seed: int, first: int = 0) -> Sequence[Episode]:
        """See `retain.sim.demonstrations`."""
        return demonstrations(parse_instruction(skill), n, seed, first)

    def pretraining(self, n: int, seed: int, first: int = 0, without: str | None = None) -> Sequence[Episode]:
        """See `retain.sim.pretraining`.

        Raises:
            SimulationError: A skill is to be left out; which ones are is fixed.
        """
        if without is not None:
            raise SimulationError(
                f"the tabletop's pretraining mix is fixed; it leaves out {', '.join(map(instruction, HELD_OUT))}"
            )
        return pretraining(n, seed, first)

    def stage(self) -> "TabletopStage":
        """Tabletops share nothing."""
        return TabletopStage()


class TabletopStage:
    """Makes tabletops."""

    def simulation(self) -> "TabletopSimulation":
        """A tabletop of its own."""
        return TabletopSimulation()

    def close(self) -> None:
        """Nothing is shared."""


class TabletopSimulation:
    """A `retain.sim.Tabletop` under the names of `Simulation`."""

    def __init__(self) -> None:
        from retain.sim.tabletop import MAX_STEPS, Tabletop

        self.tabletop = Tabletop()
        self.max_steps = MAX_STEPS

    @property
    def instruction(self) -> str:
        """The skill as this episode words it."""
        return self.tabletop.instruction

    @property
    def steps(self) -> int:
        """Control steps since the reset."""
        return self.tabletop.steps

    def reset(self, episode: Episode) -> None:
        """Set up an episode."""
        self.tabletop.reset(episode.skill, episode.variation, episode.seed)

    def step(self, row: npt.ArrayLike) -> bool:
        """Carry out one row of joint targets and suction."""
        return self.tabletop.step(row)

    def state(self) -> Floats:
        """Joints and suction."""
        return self.tabletop.state()

    def image(self, camera: str, size: int) -> npt.NDArray[np.uint8]:
        """What the one camera sees."""
        del camera
        return self.tabletop.image(size)

    def expert_row(self) -> Floats:
        """The scripted expert's row."""
        from retain.sim.experts import expert_action

        return expert_action(self.tabletop)

    def close(self) -> None:
        """Free the renderers."""
        self.tabletop.close()
