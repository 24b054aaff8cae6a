"""Drive a robot by rows that a person wrote, through both gates of the loop: the first motion of a new arm."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from retain._core.devices import ScriptEngine
from retain.bundle import WEIGHTS_FILE, Manifest
from retain.bundle.manifest import (
    Action,
    ActionChannel,
    Affine,
    Camera,
    FileRecord,
    Flow,
    Golden,
    Graph,
    Graphs,
    Language,
    Normalization,
    Observation,
    StateChannel,
)
from retain.errors import ConfigError
from retain.runtime.configuration import RunConfiguration, loop_config
from retain.runtime.loop import Devices, Run, Watch, run_loop
from retain.runtime.profile import RobotProfile


def run_script(
    devices: Devices,
    rows: npt.NDArray[np.floating],
    dt_s: float,
    *,
    mode: Literal["absolute", "delta"] = "absolute",
    configuration: RunConfiguration | None = None,
    watch: Watch | None = None,
) -> Run:
    """Play rows as if a policy had said them, again and again until the run is over.

    Everything but the policy is as in `run_bundle`: admission and limiter, cameras, faults, signals, the report.

    Args:
        devices: The robot.
        rows: float[H, channels] in the profile's order and units; row k is reached (k + 1)·dt_s after a chunk's start.
        dt_s: Between rows.
        mode: "delta" counts a row from where the arm stood when it was asked for; hold channels are always absolute.
        configuration: How to run; None plays all rows and starts again (strategy "sync").
        watch: As in `run_bundle`.

    Raises:
        ConfigError: The rows do not fit the robot, or the configuration is impossible.
        DeviceError: The robot or a camera cannot be started.
    """
    table = np.asarray(rows, np.float32)
    width = len(devices.profile.channels)
    if table.ndim != 2 or table.shape[1] != width or len(table) == 0 or dt_s <= 0:
        raise ConfigError(
            f"rows have shape {table.shape} and dt_s is {dt_s}; expected (rows, {width}) and dt_s above 0"
        )
    configuration = configuration or RunConfiguration(strategy="sync")
    manifest = _manifest(devices.profile, len(table), dt_s, mode)
    nothing_said = np.zeros(0, np.int64)
    config = loop_config(configuration, manifest, devices.profile, nothing_said, nothing_said.astype(np.bool_))
    images = [(camera.role, camera.height, camera.width) for camera in devices.profile.cameras]
    return run_loop(config, devices, ScriptEngine(images, width, table), strategy=configuration.strategy, watch=watch)


def _manifest(profile: RobotProfile, horizon: int, dt_s: float, mode: Literal["absolute", "delta"]) -> Manifest:
    """What a bundle of such a policy would say: the robot's own channels and units, not normalized."""
    names = [channel.name for channel in profile.channels]
    plain = Affine(offset=(0.0,) * len(names), scale=(1.0,) * len(names))
    no_file = "script"
    no_graph = Graph(file=no_file, inputs=(), outputs=())
    nothing = FileRecord(sha256="0" * 64, bytes=0)
    return Manifest(
        retain_version="script",
        family="script",
        merge=None,
        observation=Observation(
            cameras=tuple(
                Camera(role=camera.role, height=camera.height, width=camera.width, input=f"image.{camera.role}")
                for camera in profile.cameras
            ),
            state=tuple(StateChannel(name=channel.name, unit=channel.unit) for channel in profile.channels),
        ),
        action=Action(
            channels=tuple(
                ActionChannel(
                    name=channel.name,
                    unit=channel.unit,
                    mode="absolute" if channel.interpolation == "hold" else mode,
                    interpolation=channel.interpolation,
                )
                for channel in profile.channels
            ),
            dt_s=dt_s,
            horizon=horizon,
            n_action_steps=horizon,
        ),
        normalization=Normalization(state=plain, action=plain),
        flow=Flow(steps=1, noise="normal", time="noise_at_zero"),
        language=Language(max_tokens=1, tokenizer=no_file),
        max_trained_delay=0,
        limits=None,
        graphs=Graphs(prefix=no_graph, step=no_graph),
        golden=Golden(file=no_file, atol=1.0, recorded_by=no_file, graphs_checked_by=no_file),
        files={WEIGHTS_FILE: nothing, no_file: nothing},
    )
