"""How to run a bundle: validated here, handed to the loop as plain values."""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError, model_validator

from retain._core import runtime as core
from retain.bundle import Manifest
from retain.bundle.manifest import ChannelLimits
from retain.errors import ConfigError
from retain.runtime.profile import ChannelProfile, RobotProfile

Strategy = Literal["sync", "async", "ensemble", "rtc-guided", "rtc-prefix"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

OVERLAP_SHARE = {"latest": 1.0, "weighted": 0.7}
"""Weight of the new chunk where it overlaps the running one; 0.7 is LeRobot's `weighted_average`."""

Point = tuple[float, float, float]


class Workspace(BaseModel):
    """A box in the robot's base frame, m."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    low_m: Point
    high_m: Point

    @model_validator(mode="after")
    def _has_room(self) -> "Workspace":
        if any(low >= high for low, high in zip(self.low_m, self.high_m, strict=True)):
            raise ValueError(f"low_m {self.low_m} is not below high_m {self.high_m} on every axis")
        return self


class Realtime(BaseModel):
    """What to ask of the operating system for the tick thread. What it refuses stands in the report."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    priority: Annotated[int, Field(ge=1, le=99)] | None = 80
    """SCHED_FIFO priority; None stays in the normal class."""
    cpu: Annotated[int, Field(ge=0)] | None = None
    """Core to run on; None lets the scheduler choose."""
    lock_memory: bool = True


class RunConfiguration(BaseModel):
    """Everything about a run that is neither the bundle's nor the robot's to say."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rate_hz: Annotated[float, Field(ge=10, le=2000)] = 500.0
    """Of the tick: state in, command out."""
    strategy: Strategy = "async"
    """How chunks follow each other. `sync` plays the rows that evaluation plays, then waits for the next chunk; the
    others ask meanwhile: `async` plays the newest chunk, `ensemble` the mean of all (ACT), `rtc-guided` and
    `rtc-prefix` make the new chunk go on from the old one (real-time chunking)."""
    duration_s: Annotated[float, Field(ge=0)] = 20.0
    """0: until somebody stops it."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the flow's noise."""
    execute_rows: PositiveInt | None = None
    """s, rows played between two requests; None takes the bundle's `n_action_steps`, for `ensemble` 1."""
    overlap: Literal["latest", "weighted"] = "latest"
    """For `async`, where two chunks speak about one instant: the newer one, or 0.3 · old + 0.7 · new."""
    guidance_limit: PositiveFloat | None = None
    """β, for `rtc-guided`; None takes the number n of flow steps. A step moves by β/n of the way to the running chunk:
    less leaves a larger seam, more overshoots."""
    ensemble_decay: Annotated[float, Field(ge=0)] = 0.01
    """m, for `ensemble`: the i-th chunk after the oldest weighs exp(−m·i)."""
    workspace: Workspace | None = None
    """The tool never leaves it. Needs a robot whose kinematics are known."""
    attended: bool = False
    """After a fault that left the arm at rest, hold it and wait for a person to re-arm or to end the run."""
    max_frame_age_s: PositiveFloat = 0.25
    """No inference on frames older than this."""
    state_timeout_s: PositiveFloat = 0.2
    """A robot silent for longer is left to its own watchdog."""
    inference_timeout_s: PositiveFloat = 2.0
    """A request that takes longer is hung."""
    hold_timeout_s: PositiveFloat | None = None
    """How long to hold at a chunk's end without a successor; None: twice the time of `execute_rows`."""
    start_timeout_s: PositiveFloat = 10.0
    """For the cameras' first frames, and again for the first chunk."""
    out_of_bounds: Literal["clamp", "reject"] = "clamp"
    """What admission does to a chunk that leaves the position bounds."""
    too_fast: Literal["clamp", "reject"] = "clamp"
    """What admission does to a chunk that exceeds the velocity limit from row to row."""
    seam: Literal["clamp", "reject"] = "clamp"
    """What admission does to a chunk whose first row is out of reach from the command in force; `clamp` counts, and the
    limiter sees to it."""
    too_jerky: Literal["clamp", "reject"] = "clamp"
    """The same for a chunk whose rows exceed the jerk limit."""
    frozen_after: Annotated[int, Field(ge=0)] = 10
    """Pictures in a row, equal to the byte, from which on a camera counts as frozen; 0: not watched. Simulated cameras
    have no noise and are never watched."""
    keep_warm_s: Annotated[float, Field(ge=0)] = 1.0
    """An engine that has nothing to do is run this often, so that an idle GPU keeps its clocks; 0: it is not."""
    hot_speed: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the velocity limits that is left while the computer throttles itself for heat."""
    crash_dump: Path | None = None
    """File for the last two seconds of ticks, should the process crash."""
    rejections_to_stop: PositiveInt = 2
    """Rejected chunks in a row that end the run."""
    overruns_to_stop: Annotated[float, Field(gt=0, le=1)] = 0.25
    """Late ticks within one second, as a share of the tick rate, beyond which the arm is ramped down."""
    realtime: Realtime = Realtime()
    log_s: PositiveFloat = 60.0
    """How much of the run's end the flight record keeps."""

    @classmethod
    def checked(cls, **values: Any) -> "RunConfiguration":
        """Validate values that a person gave.

        Raises:
            ConfigError: Names the first that is impossible.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = ".".join(str(part) for part in first["loc"])
            raise ConfigError(f"{name} is {first['input']!r}: {first['msg']}") from error


def loop_config(
    configuration: RunConfiguration,
    manifest: Manifest,
    profile: RobotProfile,
    tokens: npt.NDArray[np.int64],
    mask: npt.NDArray[np.bool_],
) -> core.LoopConfig:
    """The plain structure that the C++ loop takes.

    Args:
        configuration: How to run.
        manifest: Of a bundle that fits the robot (`retain.runtime.fit`).
        profile: The robot.
        tokens: int64[max_tokens], the instruction.
        mask: bool[max_tokens], true where a token stands.
    """
    action, normalization = manifest.action, manifest.normalization
    execute_rows = configuration.execute_rows or (1 if configuration.strategy == "ensemble" else action.n_action_steps)
    hold_s = configuration.hold_timeout_s or 2 * execute_rows * action.dt_s
    config = core.LoopConfig()
    config.rate_hz = configuration.rate_hz
    config.duration_s = configuration.duration_s
    config.strategy = _STRATEGY[configuration.strategy]
    config.max_trained_delay = manifest.max_trained_delay
    config.guidance_limit = configuration.guidance_limit or float(manifest.flow.steps)
    config.ensemble_decay = configuration.ensemble_decay
    config.overlap_share = OVERLAP_SHARE[configuration.overlap] if configuration.strategy == "async" else 1.0
    config.dt_s = action.dt_s
    config.execute_rows = execute_rows
    config.flow_steps = manifest.flow.steps
    config.seed = configuration.seed
    config.state = [
        core.StateChannel(channel.name, offset, scale)
        for channel, offset, scale in zip(
            manifest.observation.state, normalization.state.offset, normalization.state.scale, strict=True
        )
    ]
    config.action = [
        core.ActionChannel(channel.name, offset, scale, channel.mode == "delta")
        for channel, offset, scale in zip(
            action.channels, normalization.action.offset, normalization.action.scale, strict=True
        )
    ]
    declared = dict(zip((channel.name for channel in action.channels), manifest.limits or (), strict=False))
    config.limits = [_limits(channel, declared.get(channel.name)) for channel in profile.channels]
    config.following_error = [channel.following_error for channel in profile.channels]
    config.instruction = core.Instruction(tokens.tolist(), mask.astype(np.uint8).tolist())
    config.admission = core.AdmissionRules(
        out_of_bounds=_on_violation(configuration.out_of_bounds),
        too_fast=_on_violation(configuration.too_fast),
        seam=_on_violation(configuration.seam),
        too_jerky=_on_violation(configuration.too_jerky),
    )
    if configuration.workspace is not None:
        config.workspace = core.Workspace(configuration.workspace.low_m, configuration.workspace.high_m)
    config.attended = configuration.attended
    config.frozen_after = configuration.frozen_after
    config.keep_warm_s = configuration.keep_warm_s
    config.hot_speed = configuration.hot_speed
    config.crash_dump = "" if configuration.crash_dump is None else str(configuration.crash_dump)
    config.temperature_limit_c = profile.temperature_limit_c
    config.max_frame_age_s = configuration.max_frame_age_s
    config.state_timeout_s = configuration.state_timeout_s
    config.inference_timeout_s = configuration.inference_timeout_s
    config.hold_timeout_s = hold_s
    config.start_timeout_s = configuration.start_timeout_s
    config.rejections_to_stop = configuration.rejections_to_stop
    config.overruns_per_s_to_stop = round(configuration.overruns_to_stop * configuration.rate_hz)
    realtime = configuration.realtime
    config.realtime = core.RealtimeRequest(realtime.priority, realtime.cpu, realtime.lock_memory)
    config.log_s = configuration.log_s
    return config


_STRATEGY = {
    "sync": core.Strategy.sync,
    "async": core.Strategy.async_,
    "ensemble": core.Strategy.ensemble,
    "rtc-guided": core.Strategy.rtc_guided,
    "rtc-prefix": core.Strategy.rtc_prefix,
}


def _limits(channel: ChannelProfile, declared: ChannelLimits | None) -> core.ChannelLimits:
    """The stricter of the robot's limits and those the bundle asks for."""
    low, high = channel.position_min, channel.position_max
    velocity, acceleration, jerk = channel.velocity, channel.acceleration, channel.jerk
    if declared is not None:
        low = max(low, low if declared.position_min is None else declared.position_min)
        high = min(high, high if declared.position_max is None else declared.position_max)
        velocity = min(velocity, declared.velocity or velocity)
        acceleration = min(acceleration, declared.acceleration or acceleration)
        jerk = min(jerk, declared.jerk or jerk)
    interpolation = core.Interpolation.linear if channel.interpolation == "linear" else core.Interpolation.hold
    return core.ChannelLimits(channel.name, interpolation, low, high, velocity, acceleration, jerk)


def _on_violation(rule: Literal["clamp", "reject"]) -> core.OnViolation:
    return core.OnViolation.clamp if rule == "clamp" else core.OnViolation.reject
