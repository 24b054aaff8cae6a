"""How to run a bundle: validated here, handed to the loop as plain values."""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError, model_validator

from retain.errors import ConfigError

Strategy = Literal["sync", "async", "ensemble", "rtc-guided", "rtc-prefix"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

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
