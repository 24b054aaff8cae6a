"""Drive a robot by rows that a person wrote, through both gates of the loop: the first motion of a new arm."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from retain._core import runtime as core
from retain._core.devices import ScriptEngine
from retain.errors import ConfigError
from retain.runtime.configuration import RunConfiguration
from retain.runtime.loop import Devices, Run, Watch, run_loop
from retain.runtime.loop_config import PolicyChannels, loop_config
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
    config = loop_config(configuration, _channels(devices.profile, len(table), dt_s, mode), devices.profile)
    images = [(camera.role, camera.height, camera.width) for camera in devices.profile.cameras]
    return run_loop(config, devices, ScriptEngine(images, width, table), strategy=configuration.strategy, watch=watch)


def _channels(profile: RobotProfile, rows: int, dt_s: float, mode: Literal["absolute", "delta"]) -> PolicyChannels:
    """The robot's own channels and units, not normalized; nothing is said in words."""
    return PolicyChannels(
        state=[core.StateChannel(channel.name, 0.0, 1.0) for channel in profile.channels],
        action=[
            core.ActionChannel(channel.name, 0.0, 1.0, mode == "delta" and channel.interpolation == "linear")
            for channel in profile.channels
        ],
        limits={},
        dt_s=dt_s,
        n_action_steps=rows,
        flow_steps=1,
        row_width=len(profile.channels),
        max_trained_delay=0,
        instruction=core.Instruction([], []),
    )
