"""Episodes driven by the C++ loop in real time, with what is needed to draw them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retain.bundle import Bundle
from retain.engine import open_engine
from retain.runtime import Realtime, RunConfiguration, run_bundle
from retain.runtime.flight_record import FlightRecord
from retain.runtime.mujoco import open_tabletop
from retain.runtime.report import RunReport
from retain.sim import Episode, episodes, parse_instruction

PICTURE_SIZE = 256
"""Height and width of a film strip's pictures, pixels."""


@dataclass(frozen=True)
class Drive:
    """One episode.

    Attributes:
        suite: Where the scene came from.
        report: What the loop measured.
        record: Commands over time.
        times_s: When the frames were taken, from the first motion.
        frames: uint8 (F, 256, 256, 3), evenly spread from start to end.
    """

    suite: str
    report: RunReport
    record: FlightRecord
    times_s: list[float]
    frames: npt.NDArray[np.uint8]


def drive(
    bundle_path: Path, skill: str, suite: str, n: int, *, seconds: float, seed: int, frames: int = 7
) -> list[Drive]:
    """Let the exported policy drive the arm in n scenes of a suite.

    Args:
        bundle_path: The bundle.
        skill: What to do, in words.
        suite: Which scenes; the same ones as `retain evaluate` takes.
        n: How many.
        seconds: Longest time of one.
        seed: Of scenes and noise.
        frames: Pictures kept of each.
    """
    bundle = Bundle.open(bundle_path)
    engine = open_engine(bundle)
    return [
        _drive_one(bundle, engine, episode, suite, seconds, seed + number, frames)
        for number, episode in enumerate(episodes(suite, parse_instruction(skill), n, seed))
    ]


def _drive_one(
    bundle: Bundle, engine: Any, episode: Episode, suite: str, seconds: float, seed: int, frames: int
) -> Drive:
    scene = open_tabletop(episode, camera_size=bundle.manifest.observation.cameras[0].height)
    configuration = RunConfiguration(duration_s=seconds, seed=seed, log_s=seconds + 2.0, realtime=Realtime())
    try:
        run = run_bundle(bundle, scene.devices, scene.sim.instruction, configuration, engine=engine, watch=scene.watch)
        kept = [scene.moments[index] for index in np.linspace(0, len(scene.moments) - 1, frames).round().astype(int)]
        pictures = np.stack([scene.sim.picture(moment.qpos, PICTURE_SIZE) for moment in kept])
    finally:
        scene.sim.close()
    return Drive(suite, run.report, run.record, [moment.time_s for moment in kept], pictures)
