from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from retain._core.engine import Engine

STATES: tuple[str, ...]

class RobotStatus:
    ok: RobotStatus
    silent: RobotStatus
    rejected: RobotStatus
    stopped: RobotStatus

class RobotChannel:
    @property
    def name(self) -> str: ...
    @property
    def unit(self) -> str: ...

class Robot:
    @property
    def channels(self) -> list[RobotChannel]: ...
    @property
    def paces(self) -> bool: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def counts(self) -> dict[str, int]: ...
    def read(self, now_ns: int) -> tuple[RobotStatus, list[float]]: ...
    def write(self, command: Sequence[float]) -> RobotStatus: ...

class Camera:
    @property
    def role(self) -> str: ...
    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...
    def open(self) -> None: ...
    def close(self) -> None: ...
    def grab(self) -> tuple[int, int, npt.NDArray[np.uint8]] | None: ...

class Strategy:
    sync: Strategy
    async_: Strategy
    ensemble: Strategy
    rtc_guided: Strategy
    rtc_prefix: Strategy

class Interpolation:
    linear: Interpolation
    hold: Interpolation

class OnViolation:
    clamp: OnViolation
    reject: OnViolation

class StateChannel:
    def __init__(self, name: str, offset: float, scale: float) -> None: ...

class ActionChannel:
    def __init__(self, name: str, offset: float, scale: float, delta: bool) -> None: ...

class ChannelLimits:
    def __init__(
        self,
        name: str,
        interpolation: Interpolation,
        position_min: float,
        position_max: float,
        velocity: float,
        acceleration: float,
        jerk: float,
    ) -> None: ...

class Instruction:
    def __init__(self, tokens: Sequence[int], mask: Sequence[int]) -> None: ...

class AdmissionRules:
    def __init__(
        self, out_of_bounds: OnViolation, too_fast: OnViolation, seam: OnViolation, too_jerky: OnViolation
    ) -> None: ...

class Workspace:
    def __init__(self, low_m: tuple[float, float, float], high_m: tuple[float, float, float]) -> None: ...

class RealtimeRequest:
    def __init__(self, priority: int | None, cpu: int | None, lock_memory: bool) -> None: ...

class RecordMode:
    off: RecordMode
    all: RecordMode
    fault: RecordMode

class RecordingConfig:
    def __init__(self, mode: RecordMode, path: str, black_box_s: float, metadata: Mapping[str, str]) -> None: ...

class LoopConfig:
    rate_hz: float
    duration_s: float
    strategy: Strategy
    dt_s: float
    execute_rows: int
    flow_steps: int
    row_width: int
    max_trained_delay: int
    guidance_limit: float
    ensemble_decay: float
    overlap_share: float
    seed: int
    state: Sequence[StateChannel]
    action: Sequence[ActionChannel]
    limits: Sequence[ChannelLimits]
    following_error: Sequence[float]
    instruction: Instruction
    admission: AdmissionRules
    max_frame_age_s: float
    state_timeout_s: float
    inference_timeout_s: float
    hold_timeout_s: float
    start_timeout_s: float
    keep_warm_s: float
    frozen_after: int
    attended: bool
    workspace: Workspace | None
    temperature_limit_c: float
    hot_speed: float
    crash_dump: str
    rejections_to_stop: int
    overruns_per_s_to_stop: int
    realtime: RealtimeRequest
    log_s: float
    recording: RecordingConfig

class Loop:
    def __init__(self, config: LoopConfig, robot: Robot, cameras: Sequence[Camera], engine: Engine) -> None: ...
    def start(self) -> None: ...
    def wait(self, timeout_s: float) -> bool: ...
    def request_stop(self) -> None: ...
    def request_drop(self) -> None: ...
    def request_rearm(self) -> None: ...
    def request_save(self) -> None: ...
    def status(self) -> dict[str, Any]: ...
    def report(self) -> dict[str, Any]: ...
    def records(self) -> dict[str, Any]: ...

class VirtualWorld:
    delay_s: Callable[[int], float] | None
    frame_arrives: Callable[[float], bool] | None
    lost_periods: Callable[[float], int] | None
    each: Callable[[float], bool] | None
    frame_rate_hz: float
    frame_latency_s: float

class VirtualLoop:
    def __init__(
        self, config: LoopConfig, robot: Robot, cameras: Sequence[Camera], engine: Engine, world: VirtualWorld
    ) -> None: ...
    def run(self, duration_s: float) -> bool: ...
    def request_stop(self) -> None: ...
    def request_drop(self) -> None: ...
    def request_rearm(self) -> None: ...
    @property
    def time_s(self) -> float: ...
    def status(self) -> dict[str, Any]: ...
    def report(self) -> dict[str, Any]: ...
    def records(self) -> dict[str, npt.NDArray[Any]]: ...

class Limiter:
    def __init__(self, limits: Sequence[ChannelLimits], period_s: float) -> None: ...
    def reset(self, position: Sequence[float]) -> None: ...
    def follow(self, position: Sequence[float], velocity: Sequence[float], speed_scale: float = 1.0) -> list[float]: ...
    def brake(self) -> list[float]: ...
    @property
    def command(self) -> list[float]: ...
    @property
    def at_rest(self) -> bool: ...

def guided_velocity(
    x: npt.NDArray[np.float32],
    left_over: npt.NDArray[np.float32],
    velocity: npt.NDArray[np.float32],
    committed: int,
    overlap_end: int,
    tau: float,
    limit: float,
) -> npt.NDArray[np.float32]: ...
def sample_chunk(
    engine: Engine,
    seed: int,
    stream: int,
    flow_steps: int,
    splice: str = "none",
    left_over: npt.NDArray[np.float32] = ...,
    committed: int = 0,
    overlap_end: int = 0,
    guidance_limit: float = 0.0,
) -> npt.NDArray[np.float32]: ...
def benchmark_tick(joints: int, rate_hz: float, duration_s: float, realtime: RealtimeRequest) -> dict[str, Any]: ...

class CrashRing:
    def __init__(self, channels: int) -> None: ...
    def push(
        self,
        time_ns: int,
        state: int,
        reaction: int,
        chunk: int,
        row: int,
        measured: Sequence[float],
        sent: Sequence[float],
    ) -> None: ...
    @property
    def count(self) -> int: ...

class CrashDump:
    def __init__(self, path: Path, ring: CrashRing, channel_names: Sequence[str]) -> None: ...
    def __enter__(self) -> CrashDump: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
