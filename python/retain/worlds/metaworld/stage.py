"""Many simulations of many tasks in one process: compiled scenes are used again, and renderers are shared."""

from typing import Final

import numpy as np
import numpy.typing as npt

from retain.errors import SimulationError
from retain.sim.rendering import Renderer
from retain.worlds.metaworld.scene import MAX_STEPS, Scene, load
from retain.worlds.metaworld.suites import MetaworldEpisode
from retain.worlds.world import Floats

MOST_IDLE: Final = 24
"""Scenes kept for later; each holds about 20 MB and takes a quarter of a second to make."""

UPSIDE_DOWN: Final = ("corner", "corner2", "corner3")
"""Cameras that Meta-World mounts head down. Their pictures are turned."""


class MetaworldStage:
    """Scenes that wait to be used, and one renderer per task and size.

    Scenes of a task have the same meshes and textures, which is all that a renderer holds.
    """

    def __init__(self) -> None:
        load()
        self._idle: list[Scene] = []
        self._renderers: dict[tuple[str, int], Renderer] = {}

    def simulation(self) -> "MetaworldSimulation":
        """One more simulation."""
        return MetaworldSimulation(self)

    def borrow(self, task: str) -> Scene:
        """A scene of a task, to be given back."""
        for index, scene in enumerate(self._idle):
            if scene.task == task:
                return self._idle.pop(index)
        return Scene(task)

    def give_back(self, scene: Scene) -> None:
        """Keep a scene for whoever needs it next; those not used for longest go."""
        self._idle.append(scene)
        if len(self._idle) > MOST_IDLE:
            self._idle.pop(0).close()

    def picture(self, scene: Scene, camera: str, size: int) -> npt.NDArray[np.uint8]:
        """What a camera sees: RGB, shape (size, size, 3)."""
        key = scene.task, size
        if key not in self._renderers:
            self._renderers[key] = Renderer(scene.model, size)
        picture = self._renderers[key].render(scene.data, camera, scene.model)
        return np.ascontiguousarray(picture[::-1, ::-1]) if camera in UPSIDE_DOWN else picture

    def close(self) -> None:
        """Free renderers and waiting scenes."""
        for renderer in self._renderers.values():
            renderer.close()
        for scene in self._idle:
            scene.close()
        self._renderers.clear()
        self._idle.clear()


class MetaworldSimulation:
    """Plays episodes of any task, in a scene borrowed from the stage."""

    max_steps = MAX_STEPS

    def __init__(self, stage: MetaworldStage) -> None:
        self._stage = stage
        self._scene: Scene | None = None
        self.instruction = ""

    @property
    def scene(self) -> Scene:
        """The current scene.

        Raises:
            SimulationError: There has been no reset.
        """
        if self._scene is None:
            raise SimulationError("the simulation has no scene yet; reset it to an episode first")
        return self._scene

    @property
    def steps(self) -> int:
        """Rows since the reset."""
        return self.scene.steps

    def reset(self, episode: MetaworldEpisode) -> None:
        """Set up an episode."""
        if self._scene is None or self._scene.task != episode.task:
            self._return_scene()
            self._scene = self._stage.borrow(episode.task)
        self._scene.start(episode)
        self.instruction = episode.instruction

    def step(self, row: npt.ArrayLike) -> bool:
        """Carry out one row of hand target and gripper effort."""
        return self.scene.step(row)

    def state(self) -> Floats:
        """Hand and gripper."""
        return self.scene.state()

    def image(self, camera: str, size: int) -> npt.NDArray[np.uint8]:
        """What a camera sees."""
        return self._stage.picture(self.scene, camera, size)

    def expert_row(self) -> Floats:
        """The scripted expert's row."""
        return self.scene.expert_row()

    def close(self) -> None:
        """Give the scene back."""
        self._return_scene()

    def _return_scene(self) -> None:
        if self._scene is not None:
            self._stage.give_back(self._scene)
            self._scene = None
