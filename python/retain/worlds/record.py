"""Demonstrations of a world's scripted expert as frames: what the robot saw, where it was, what the expert would do."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from retain.sim.recording import Recording, recorded_in_processes
from retain.worlds.world import Episode, Simulation, Stage, World

IMAGES: Final = "observation.images."
STATE: Final = "observation.state"
ACTION: Final = "action"

TAIL_S: Final = 0.25
"""Recorded after success: what to do when it is done."""

_EXPERT_STREAM = 1  # of an episode's seed


class Recorder:
    """Records one episode after the other.

    Args:
        world: What is simulated.
        cameras: Whose pictures are recorded.
        size: Their height and width, pixels.
    """

    def __init__(self, world: World, cameras: Sequence[str], size: int) -> None:
        self._world = world
        self._cameras = tuple(cameras)
        self._size = size
        self._stage: Stage = world.stage()
        self._sim: Simulation = self._stage.simulation()

    def record(self, episode: Episode, noise_m: float = 0.0) -> Recording:
        """Let the expert do an episode.

        Args:
            episode: What to do.
            noise_m: Standard deviation, per row, of what is added to the channels that are lengths when they are
                executed. The recorded action is the expert's clean one, so the frames show how to come back.
        """
        sim = self._sim
        sim.reset(episode)
        rng = np.random.default_rng([episode.seed, _EXPERT_STREAM])
        lengths = [index for index, name in enumerate(self._world.action) if name.endswith("_m")]
        tail = round(TAIL_S / self._world.dt_s[0])
        frames: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in self.features}
        done_at, end = 0, sim.max_steps
        while sim.steps < end:
            row = sim.expert_row()
            for camera in self._cameras:
                frames[IMAGES + camera].append(sim.image(camera, self._size))
            frames[STATE].append(sim.state())
            frames[ACTION].append(row)
            executed = row.copy()
            if not done_at:
                executed[lengths] += rng.normal(0.0, noise_m, len(lengths)).astype(np.float32)
            if sim.step(executed) and not done_at:
                done_at, end = sim.steps, min(end, sim.steps + tail)
        return Recording(
            task=sim.instruction,
            frames={name: np.array(values) for name, values in frames.items()},
            success=done_at > 0,
            steps=done_at or sim.steps,
        )

    @property
    def features(self) -> tuple[str, ...]:
        """Names of what a recording holds."""
        return *(IMAGES + camera for camera in self._cameras), STATE, ACTION

    def close(self) -> None:
        """Free the simulation."""
        self._sim.close()
        self._stage.close()


def record_episodes(
    world: World, jobs: Sequence[tuple[Episode, float]], cameras: Sequence[str], size: int, workers: int
) -> Iterator[Recording]:
    """Record many episodes, in order.

    Args:
        world: What is simulated.
        jobs: Episodes with the noise of each, m.
        cameras: Whose pictures are recorded.
        size: Their height and width, pixels.
        workers: Processes; with 1 everything happens in this one.
    """
    if workers > 1:
        arguments = world, tuple(cameras), size
        yield from recorded_in_processes(_record, jobs, workers=workers, start=_start, arguments=arguments)
        return
    recorder = Recorder(world, cameras, size)
    try:
        for episode, noise in jobs:
            yield recorder.record(episode, noise)
    finally:
        recorder.close()


_worker: dict[str, Recorder] = {}


def _start(world: World, cameras: tuple[str, ...], size: int) -> None:
    _worker["recorder"] = Recorder(world, cameras, size)


def _record(job: tuple[Episode, float]) -> Recording:
    return _worker["recorder"].record(*job)
