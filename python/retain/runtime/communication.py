"""What users run first: does the arm answer, do frames come, how old is what they say. Nothing moves."""

from dataclasses import asdict, dataclass
from typing import Any

from retain._core import devices as core
from retain._core import runtime as runtime_core
from retain.errors import DeviceError
from retain.runtime.configuration import Realtime
from retain.runtime.loop import Devices
from retain.runtime.report import Grant, Latency


@dataclass(frozen=True)
class CameraCommunication:
    """One camera: frames seen, time between their sensor times, age on arrival."""

    role: str
    frames: int
    interval: Latency
    age: Latency


@dataclass(frozen=True)
class CommunicationReport:
    """What was measured while the arm was told to stay where it stands.

    Attributes:
        duration_s: Of the check.
        ticks: Of the loop's rate.
        skipped: Periods that were lost.
        states: New states.
        commands: That the robot took.
        lateness: Of wake-ups, against their due times.
        device: read() and write() together.
        state_interval: Between the times of successive states.
        state_age: Of the newest state, at every tick.
        cameras: In the order of the devices.
        counts: What the robot counted by itself.
        realtime: What the operating system granted.
    """

    duration_s: float
    ticks: int
    skipped: int
    states: int
    commands: int
    lateness: Latency
    device: Latency
    state_interval: Latency
    state_age: Latency
    cameras: tuple[CameraCommunication, ...]
    counts: tuple[tuple[str, int], ...]
    realtime: tuple[Grant, ...]

    def to_json(self) -> dict[str, Any]:
        """The report as one JSON object."""
        return asdict(self)


def check_communication(
    devices: Devices, *, rate_hz: float = 500.0, duration_s: float = 10.0, realtime: Realtime | None = None
) -> CommunicationReport:
    """Exchange states and commands with a robot at the loop's rate and watch its cameras. Ctrl-C ends it early.

    The command is where the arm stood at the start, all the time.

    Args:
        devices: The robot.
        rate_hz: Ticks per second.
        duration_s: How long.
        realtime: What to ask of the operating system; None as for a run.

    Raises:
        ConfigError: The rate or the duration is impossible.
        DeviceError: A device cannot be opened, gives no state, is stopped, or refuses the command; or its own code
            raised meanwhile.
    """
    asked = realtime or Realtime()
    request = runtime_core.RealtimeRequest(asked.priority, asked.cpu, asked.lock_memory)
    try:
        values = core.check_communication(devices.robot, list(devices.cameras), rate_hz, duration_s, request)
    except DeviceError as error:
        if trouble := devices.trouble():
            raise DeviceError(f"{error}; {trouble}") from error
        raise
    if trouble := devices.trouble():
        raise DeviceError(trouble)
    latencies = ("lateness", "device", "state_interval", "state_age")
    parts: dict[str, Any] = {name: Latency(**values[name]) for name in latencies}
    parts["cameras"] = tuple(
        CameraCommunication(one["role"], one["frames"], Latency(**one["interval"]), Latency(**one["age"]))
        for one in values["cameras"]
    )
    parts["counts"] = tuple(values["counts"])
    parts["realtime"] = tuple(Grant(**grant) for grant in values["realtime"])
    return CommunicationReport(**{**values, **parts})


def communication_rows(report: CommunicationReport) -> list[tuple[str, str]]:
    """(what, value) in reading order, for a person."""
    seconds = max(report.duration_s, 1e-9)
    rows = [
        ("ticks", f"{report.ticks / seconds:.1f} per second, {report.skipped} periods lost"),
        ("tick lateness", _milliseconds(report.lateness)),
        ("read and write", _milliseconds(report.device)),
        ("states", f"{report.states / seconds:.1f} new per second, apart {_milliseconds(report.state_interval)}"),
        ("age of the state", _milliseconds(report.state_age)),
        ("commands", f"{report.commands / seconds:.1f} taken per second"),
    ]
    for camera in report.cameras:
        rows.append((f"camera {camera.role}", f"{camera.frames / seconds:.1f} frames per second"))
        rows.append((f"camera {camera.role}, age", _milliseconds(camera.age)))
    rows.extend((what, str(count)) for what, count in report.counts if count)
    rows.extend((grant.what, f"refused: {grant.reason}") for grant in report.realtime if not grant.granted)
    return rows


def _milliseconds(latency: Latency) -> str:
    p50, p99, worst = (1e3 * value for value in (latency.p50_s, latency.p99_s, latency.max_s))
    return f"p50 {p50:.3g} ms, p99 {p99:.3g} ms, max {worst:.3g} ms"
