"""What a run was like: the numbers that belong beside every claim about it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Latency:
    """A distribution of durations, s. Percentiles are exact to 3 %, mean and maximum exactly."""

    count: int
    mean_s: float
    p50_s: float
    p99_s: float
    p999_s: float
    max_s: float


@dataclass(frozen=True)
class ChannelCounts:
    """What the two gates did to one channel: the limiter in ticks, admission in values of chunks."""

    name: str
    limiter_nonfinite: int
    limiter_position: int
    limiter_velocity: int
    limiter_acceleration: int
    limiter_jerk: int
    admission_position: int
    admission_velocity: int
    admission_seam: int
    admission_jerk: int

    @property
    def limiter(self) -> int:
        """Ticks on which the limiter changed a finite target."""
        return self.limiter_position + self.limiter_velocity + self.limiter_acceleration + self.limiter_jerk


@dataclass(frozen=True)
class CameraCounts:
    """What one camera did: frames that counted, frames held back because they repeated, times it was lost."""

    role: str
    frames: int
    frozen: int
    losses: int


@dataclass(frozen=True)
class Grant:
    """Something asked of the operating system, and why it was refused if it was."""

    what: str
    granted: bool
    reason: str


@dataclass(frozen=True)
class RecordingCounts:
    """What became of the run's file.

    Attributes:
        path: The file; empty where none was written.
        error: Why the file ends before the run; empty while all was well.
        messages: Written.
        bytes: Written.
        lost_messages: That came after the error.
        crowded_out: That left the black box before their time, for want of memory.
        lost_observations: That found the recorder behind.
        lost_frames: The same.
    """

    path: str
    error: str
    messages: int
    bytes: int
    lost_messages: int
    crowded_out: int
    lost_observations: int
    lost_frames: int


@dataclass(frozen=True)
class RunReport:
    """A finished run.

    Attributes:
        state: `hold` after a stop that was asked for, `fault` after anything else.
        cause: Why it stopped.
        device_message: What a driver written in Python raised, or that it did not come back; empty otherwise.
        success: Whether the task was done, where something could judge it; None where nothing could.
        success_s: When it was done, from the policy's first motion.
        command_rate_hz: Ticks per second.
        inference_rate_hz: Chunks per second.
        action_rate_hz: Chunk rows begun per second. Not the same as the inference rate: quote both.
        holds: Times the arm waited at a chunk's end; in `sync`, once per chunk by design.
        lateness: Of wake-ups, against their due times.
        body: Of the tick, without the robot's read and write.
        device: The robot's read and write.
        frame_age: From a frame's sensor time to each command that rests on it.
        inference: From the request to the published chunk.
        spliced: Requests that went on from a running chunk (real-time chunking).
        beyond_splice: Of these, answers that came after the rows that were taken as committed. They are played.
        robot: What the robot's driver counted of trouble on its way to the device, by name.
        heat: The computer's own heat at its highest: normal, warm, hot (the arm was slowed) or critical.
        rearmed: Times that a person re-armed the arm after a fault.
        expired: Chunks that came after their last row was due, and were not played.
        stale_episodes: Times that a due request found no fresh frame.
    """

    state: str
    cause: str
    engine: str
    engine_message: str
    device_message: str
    strategy: str
    success: bool | None
    success_s: float | None
    duration_s: float
    command_rate_hz: float
    inference_rate_hz: float
    action_rate_hz: float
    ticks: int
    overruns: int
    skipped: int
    holds: int
    lateness: Latency
    body: Latency
    device: Latency
    frame_age: Latency
    inference: Latency
    requests: int
    chunks: int
    rejected_not_finite: int
    rejected_out_of_bounds: int
    rejected_too_fast: int
    rejected_seam: int
    rejected_too_jerky: int
    spliced: int
    beyond_splice: int
    expired: int
    stale_episodes: int
    channels: tuple[ChannelCounts, ...]
    cameras: tuple[CameraCounts, ...]
    robot: Mapping[str, int]
    rearmed: int
    heat: str
    realtime: tuple[Grant, ...]
    records_lost: int
    recording: RecordingCounts
    infer_thread_left_behind: bool

    @property
    def faulted(self) -> bool:
        """Whether the run ended otherwise than by a stop that was asked for."""
        return self.state == "fault"

    def to_json(self) -> dict[str, Any]:
        """The report as one JSON object."""
        return asdict(self)


def report_from_core(
    values: Mapping[str, Any],
    *,
    engine: str,
    strategy: str,
    device_message: str = "",
    success: bool | None,
    success_s: float | None,
) -> RunReport:
    """The typed report from what the C++ loop counted."""
    latencies = ("lateness", "body", "device", "frame_age", "inference")
    parts: dict[str, Any] = {name: Latency(**values[name]) for name in latencies}
    parts["channels"] = tuple(ChannelCounts(**channel) for channel in values["channels"])
    parts["cameras"] = tuple(CameraCounts(**camera) for camera in values["cameras"])
    parts["realtime"] = tuple(Grant(**grant) for grant in values["realtime"])
    parts["recording"] = RecordingCounts(**values["recording"])
    said = {
        "engine": engine,
        "strategy": strategy,
        "device_message": device_message,
        "success": success,
        "success_s": success_s,
    }
    return RunReport(**{**values, **parts, **said})
